"""The console: pages for staff, under `/console/<merchant_slug>/`."""
