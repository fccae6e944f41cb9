"""Signing in as staff: django-allauth behind our own form, adapter and addresses.  Sign-up is closed, no passwords."""
