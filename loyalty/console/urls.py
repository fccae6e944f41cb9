"""Addresses of the console."""

app_name = "console"
urlpatterns = []
