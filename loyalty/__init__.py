"""The roof: settings, URLs, the Celery app, and the four doors (api, portal, console, worker).

Nobody below imports this package.  Rules do not live here: a door translates in, makes one
call into the house, and translates the outcome back out.
"""
