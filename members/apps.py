from django.apps import AppConfig

from members.views import VIEWS


class MembersConfig(AppConfig):
    name = "members"
    default_auto_field = "django.db.models.BigAutoField"
    views = VIEWS
