"""Settings of the installation, read from the environment; anything dangerous has no default.

`python3 manage.py demo` and `python3 manage.py test` set these variables themselves.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from loyalty.launch import variables
from loyalty.launch.urls import celery_redis_url, database_from_url, django_redis_url
from loyalty.operations.logs import logging_config
from merchants.database.connections import Connection, Cursor
from merchants.languages import LANGUAGES  # noqa: F401 -- one of Django's settings

BASE_DIR = Path(__file__).resolve().parent.parent


def env(name: str, default: str | None = None) -> str:
    """Return the variable, or stop with a sentence when it is required and missing."""
    found = variables.read(name)
    value = default if found is None else found
    if value is None:
        raise SystemExit(f"{name} is not set. See docs/operations.md for every variable and its meaning.")
    return value


def env_bool(name: str, default: bool) -> bool:
    value = variables.read(name)
    if value is None:
        return default
    if value.lower() in {"1", "true", "yes", "on"}:
        return True
    if value.lower() in {"0", "false", "no", "off", ""}:
        return False
    raise SystemExit(f"{name} must be true or false, not {value!r}.")


def env_int(name: str, default: int) -> int:
    value = env(name, str(default))
    try:
        return int(value)
    except ValueError:
        raise SystemExit(f"{name} must be a whole number, not {value!r}.") from None


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in env(name, default).split(",") if part.strip()]


def env_networks(name: str) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(part) for part in env_list(name)]
    except ValueError as error:
        raise SystemExit(f"{name} must be networks such as 10.20.0.0/16, with commas: {error}.") from None


DEBUG = env_bool("DEBUG", False)
SECRET_KEY = env("SECRET_KEY", "only-for-tests-and-the-embedded-demo" if DEBUG else None)
#: Older keys: they still open sessions, quotes and what `merchants/sealing.py` sealed, and sign nothing new.
SECRET_KEY_FALLBACKS = env_list("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]" if DEBUG else "")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
DATA_DIR = Path(env("DATA_DIR", str(BASE_DIR / ".data")))
PUBLIC_URL = env("PUBLIC_URL", "http://localhost:8000").rstrip("/")
HTTPS = env_bool("HTTPS", not DEBUG)

INSTALLED_APPS = [
    "merchants",
    "members",
    "rewards",
    "engagement",
    "analytics",
    "loyalty",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
]

MIDDLEWARE = [
    "loyalty.operations.requests.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "loyalty.api_middleware_bypass.ApiMiddlewareBypass",
    # Pages and, from the source tree, static files; what is compressed already stays as it is, the API is not touched.
    # Compression tells nothing (BREACH): the CSRF token is masked anew in each answer, cookies are no part of a body, no
    # page holds another secret beside words from the address, and the middleware pads each answer by a random length.
    "django.middleware.gzip.GZipMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "loyalty.permissions_policy.PermissionsPolicyMiddleware",
    "loyalty.accounts.middleware.OneStepAtATime",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "loyalty.body_limit.BodyLimit",
    "loyalty.tenant.TenantMiddleware",
    "loyalty.safe_redirects.SafeRedirects",
]

ROOT_URLCONF = "loyalty.urls"
WSGI_APPLICATION = "loyalty.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "loyalty.tenant.context",
            ],
        },
    },
]

#: A pooler between us and PostgreSQL that gives every transaction another connection, such as PgBouncer's.
DATABASE_POOLED = env_bool("DATABASE_POOLED", False)
#: Remember the plans of what every sale asks (merchants/database/statements); nothing a pooler could keep apart.
PREPARED_STATEMENTS = not DATABASE_POOLED
# One cluster, three roles: who migrates (owner), who serves (default), who finds due work (system).
_CONNECTION = {
    "ENGINE": "django.db.backends.postgresql",
    "CONN_MAX_AGE": None,
    "CONN_HEALTH_CHECKS": False,
    "DISABLE_SERVER_SIDE_CURSORS": True,
    "OPTIONS": {
        "application_name": "loyalty",
        "connect_timeout": 5,
        "connection_factory": Connection,
        "cursor_factory": Cursor,
    },
}
# What is remembered is never weighed against planning anew, and compiling what takes a millisecond takes a hundred.
_SERVING = {"options": "-c plan_cache_mode=force_generic_plan -c jit=off"}
DATABASES: dict[str, dict[str, Any]] = {
    alias: database_from_url(env(variable, env("DATABASE_URL") if alias == "default" else None), _CONNECTION)
    for alias, variable in (
        ("default", "DATABASE_URL"),
        ("owner", "DATABASE_OWNER_URL"),
        ("system", "DATABASE_SYSTEM_URL"),
    )
}
if PREPARED_STATEMENTS:
    # What DATABASE_URL says itself comes last, and wins.
    DATABASES["default"]["OPTIONS"] = {**_SERVING, **DATABASES["default"]["OPTIONS"]}
DATABASE_ROUTERS = ["merchants.database.routers.OwnerMigrates"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env("REDIS_URL")
DJANGO_REDIS_URL = django_redis_url(REDIS_URL)
CELERY_BROKER_URL = celery_redis_url(REDIS_URL)

# Sign-in limits and codes count in PostgreSQL: losing Redis must not reset a limit.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "django_cache",
        # Django's own maximum is 300: the three hundred and first would throw away what allauth counts.
        "OPTIONS": {"MAX_ENTRIES": 1_000_000},
    },
    "redis": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": DJANGO_REDIS_URL},
}

AUTH_USER_MODEL = "merchants.User"
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]

LANGUAGE_CODE = "en"
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = Path(env("STATIC_ROOT", str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
# Straight from the source: nothing to collect, nothing compressed; for the demo and the tests.
STATIC_FROM_SOURCE = env_bool("STATIC_FROM_SOURCE", DEBUG)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if STATIC_FROM_SOURCE
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}
WHITENOISE_USE_FINDERS = STATIC_FROM_SOURCE
# Look for a file when it is asked for; each of the tests' thousand browsers would read all of them first.
WHITENOISE_AUTOREFRESH = DEBUG

# Security: every page is our own; nothing from elsewhere, nothing inline.
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "object-src": ["'none'"],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# An hour, so that a mistake is over in an hour; docs/operations.md says how to raise it. Subdomains and preloading bind
# names that may not be ours, and take weeks to take back: only when asked for.
SECURE_HSTS_SECONDS = env_int("HSTS_SECONDS", 3600) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = env_bool("HSTS_SUBDOMAINS", False)
SECURE_HSTS_PRELOAD = env_bool("HSTS_PRELOAD", False)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
# The proxy must set X-Forwarded-Proto and append to X-Forwarded-For; only what our own proxies wrote is believed.
BEHIND_PROXY = env_bool("BEHIND_PROXY", False)
#: How many proxies of ours a request passes one after another; a CDN in front of the proxy makes it 2.
TRUSTED_PROXIES = env_int("TRUSTED_PROXIES", 1) if BEHIND_PROXY else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
# Bigger bodies are refused before they are read; a batch of 1,000 purchases with lines fits.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

# A newcomer reads codes at /dev/outbox, on the same machine only; anywhere else they are mailed.
DEV_OUTBOX = env_bool("DEV_OUTBOX", DEBUG)
EMAIL_BACKEND = env(
    "EMAIL_BACKEND",
    "merchants.dev_outbox.OutboxEmailBackend" if DEV_OUTBOX else "django.core.mail.backends.smtp.EmailBackend",
)
#: Mail is how people sign in: there is no default for a server that is not there.
_NEEDS_SMTP = EMAIL_BACKEND == "django.core.mail.backends.smtp.EmailBackend" and not DEBUG
EMAIL_HOST = env("EMAIL_HOST", None if _NEEDS_SMTP else "localhost")
EMAIL_PORT = env_int("EMAIL_PORT", 25)
EMAIL_HOST_USER = env("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_SSL = env_bool("EMAIL_USE_SSL", False)
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS", False)
if EMAIL_USE_SSL and EMAIL_USE_TLS:
    raise SystemExit("EMAIL_USE_TLS (STARTTLS, port 587) and EMAIL_USE_SSL (TLS at once, port 465) exclude each other.")
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", "loyalty@localhost")
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
EMAIL_FILE_PATH = env("EMAIL_FILE_PATH", "")

LOGGING = logging_config(level=env("LOG_LEVEL", "INFO"), as_json=env_bool("LOG_JSON", not DEBUG))
METRICS_TOKEN = env("METRICS_TOKEN", "")
# Only the tests and the benchmarks' own throw-away clusters may run without durable commits.
DATABASE_MAY_FORGET = env_bool("DATABASE_MAY_FORGET", False)

# Events and webhooks (merchants/outbox.py, merchants/webhooks).
OUTBOX_CHECKS_PAYLOADS = DEBUG
# Only for the demo and for tests: lets endpoints be plain http and stand on this machine or in its network.
WEBHOOK_ALLOW_PRIVATE = env_bool("WEBHOOK_ALLOW_PRIVATE", False)
#: Worker processes that may relay events, and as many that may deliver them, at the same time.
WEBHOOK_DELIVERERS = max(1, env_int("WEBHOOK_DELIVERERS", 2))
#: Private networks that endpoints may stand in, such as 10.20.0.0/16: the operator's own, over TLS like any other.
WEBHOOK_NETWORKS = env_networks("WEBHOOK_NETWORKS")

# People: who may sign in, how, and how often.  Sign-up is the portal's; staff are invited.
INSTALLATION_NAME = env("INSTALLATION_NAME", "Loyalty")
#: ISO country of telephone numbers that staff type without a country code.
COUNTRY = env("COUNTRY", "US")
#: Text messages leave by a POST to the operator's own address; without one, contacts are e-mail only.
SMS_WEBHOOK_URL = env("SMS_WEBHOOK_URL", "")
SMS_WEBHOOK_TOKEN = env("SMS_WEBHOOK_TOKEN", "")
#: thread: letters leave at once from the process that wrote them; worker: with the worker's next sweep; inline: tests.
MESSAGES_AT_ONCE = env("MESSAGES_AT_ONCE", "thread")
#: Raise it for a shop whose members all join through one Wi-Fi.
CODES_PER_IP_AND_HOUR = env_int("CODES_PER_IP_AND_HOUR", 10)
#: To the console, and to each merchant's portal: a day for a browser that signed in before, an hour for all others; what
#: guessing can reach with it is said in merchants/code_requests.py.
CODES_PER_CONTACT_AND_DAY = env_int("CODES_PER_CONTACT_AND_DAY", 5)
CONSOLE_SECOND_FACTOR_REQUIRED = env("CONSOLE_SECOND_FACTOR", "required") != "optional"

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "console:workplaces"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_ADAPTER = "loyalty.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "request_login_code": "loyalty.accounts.forms.SignInForm",
    "confirm_login_code": "loyalty.accounts.forms.SignInCodeForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS = 5
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 600
ACCOUNT_LOGIN_BY_CODE_FORMAT = {"numeric": True, "length": 6, "dashed": False}
ACCOUNT_PHONE_VERIFICATION_CODE_FORMAT = ACCOUNT_LOGIN_BY_CODE_FORMAT
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {
    "login_failed": "30/m/ip,5/300s/key",
}
MFA_ADAPTER = "loyalty.accounts.adapter.MFAAdapter"
MFA_FORMS = {
    "authenticate": "loyalty.accounts.forms.SecondFactorCodeForm",
    "reauthenticate": "loyalty.accounts.forms.SecondFactorAgainForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_PASSKEY_SIGNUP_ENABLED = False
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
# Whoever is signed in came through a code: their contact is proved, even if allauth keeps no row of it.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_TOLERANCE = 1

# The API (loyalty/api): its own authentication, bodies and answers; DRF gives the frame, spectacular the file.
API_RATE_LIMIT = env("API_RATE_LIMIT", "6000/60")  # calls per key / seconds; 0 for no limit
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {"OAS_VERSION": "3.1.0", "SCHEMA_PATH_PREFIX": "/api/v1", "DISABLE_ERRORS_AND_WARNINGS": True}
