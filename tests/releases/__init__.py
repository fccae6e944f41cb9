"""How a release is made, and what proves that the next one can take over its data. Run by `manage.py release`."""
