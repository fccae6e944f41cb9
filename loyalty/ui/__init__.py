"""The design system: what every screen of portal, console and sign-in is made of.

colour.py   sRGB, OKLCH and WCAG contrast; pure arithmetic
theme.py    one brand colour in, the accessible light and dark palette of a merchant out (as a stylesheet)
formats.py  numbers, points, money, dates in the reader's language and the merchant's zone (Babel)
svg.py      small charts drawn on the server: sparkline, ring, line plot, bars
codes.py    QR and Code 128 as SVG for the till's scanner
pages.py    the few views of the design system itself: theme file, manifest, service worker, style guide
offline.py   which page the portal may keep for when there is no net
undo.py     messages beside which a button undoes what was done
appicon.py  the app icon of a merchant as PNG and SVG

The tags pages use live in `loyalty/templatetags/ui.py`; the markup of each component in `templates/components/`.
Not here: what a page says or asks. Doors own their pages and forms; nothing in this package knows a domain object.
"""
