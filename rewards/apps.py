from django.apps import AppConfig

from rewards.views import VIEWS


class RewardsConfig(AppConfig):
    name = "rewards"
    default_auto_field = "django.db.models.BigAutoField"
    views = VIEWS
