"""Settings, URLs, the Celery app, and the four entry points: api, portal, console, worker.

No other app imports this package. Rules do not live here: an entry point translates in, makes one call into the domain,
and translates the outcome back out.
"""

#: The release, as semantic versions are written; `manage.py release` sets it, and `.dev0` stands until it has.
#: Said where somebody who may know it looks: `manage.py version`, /readyz, the metrics, the foot of the console, and the
#: header `Loyalty-Version` of answers to a key. Never on a page that strangers see.
VERSION = "0.2.0.dev0"
