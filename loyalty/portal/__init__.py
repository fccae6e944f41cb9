"""The portal: members' pages on a phone, under `/m/<merchant_slug>/`."""
