from django.apps import AppConfig

from engagement.views import VIEWS


class EngagementConfig(AppConfig):
    name = "engagement"
    default_auto_field = "django.db.models.BigAutoField"
    views = VIEWS
