from django.apps import AppConfig


class LoyaltyConfig(AppConfig):
    name = "loyalty"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # The checks read models, which are complete only now: the one place where Django wants an import this late.
        import loyalty.operations.checks  # noqa: F401
