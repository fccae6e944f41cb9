"""The members' door: pages on a phone, under `/m/<merchant_slug>/`."""
