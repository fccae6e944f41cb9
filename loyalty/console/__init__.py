"""The merchants' door: pages for staff, under `/console/<merchant_slug>/`."""
