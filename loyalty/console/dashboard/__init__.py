"""The dashboard: the numbers of a period with what it takes to trust them, the members behind each, and CSV."""
