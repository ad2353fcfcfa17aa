"""Every setting, from the environment, with safe defaults for a laptop. `.env.example` lists what operators set."""

from pathlib import Path

import environ

from tracker.stack.state import local_environment

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env", overwrite=False)
# The embedded servers that `make run` started, unless the environment or .env names real ones.
local_environment(BASE_DIR)

# --- the site ---------------------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
SITE_SCHEME = env("SITE_SCHEME", default="http")
# The bare host; tenants live on subdomains of it. ":8000" belongs to addresses that people follow, not to host names.
SITE_HOST = env("SITE_HOST", default="localhost")
SITE_PORT = env("SITE_PORT", default="8000")
# Custom domains of tenants are added by name: a host that is nobody's reaches nobody.
ALLOWED_HOSTS = [SITE_HOST, f".{SITE_HOST}", *env.list("ALLOWED_HOSTS", default=[])]
ROOT_URLCONF = "tracker.urls"
PUBLIC_SCHEMA_URLCONF = "tracker.urls_platform"
WSGI_APPLICATION = "tracker.wsgi.application"
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- apps: no table name stands both in public and in a tenant (docs/decisions/0002) ----------------------------------
SHARED_APPS = [
    "django_tenants",
    "tracker.tenants",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django_celery_beat",
    "pgtrigger",
]
TENANT_APPS = [
    "tracker.accounts",
    "django.contrib.sessions",
    "django.contrib.admin",
    "axes",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "pghistory",
    "tracker.flags",
    "tracker.events",
    "tracker.automation",
    "metrics",
    "deals",
    "bookings",
    "matchmaking",
    "etl",
]
# Apps without tables, anywhere. Unfold stands before django_tenants and the admin, whose templates it replaces.
TABLELESS_FIRST = ["unfold", "unfold.contrib.filters", "unfold.contrib.forms", "unfold.contrib.import_export"]
TABLELESS = [
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "import_export",
    "django_structlog",
    "django_prometheus",
    "tracker.api",
    "tracker.dashboards",
    "tracker.demo",
]
INSTALLED_APPS = [
    *TABLELESS_FIRST,
    *SHARED_APPS,
    *TENANT_APPS,
    *TABLELESS,
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "tracker.tenants.middleware.TenantMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "tracker.lib.admin.AdminPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "pghistory.middleware.HistoryMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tracker.dashboards.context.shell",
            ],
            "builtins": ["tracker.lib.ui"],
        },
    }
]

# --- database ---------------------------------------------------------------------------------------------------------
DATABASES = {
    "default": {
        **env.db("DATABASE_URL"),
        "ENGINE": "django_tenants.postgresql_backend",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
TENANT_LIMIT_SET_CALLS = True
TENANT_COLOR_ADMIN_APPS = False

# --- cache, queue -----------------------------------------------------------------------------------------------------
REDIS_URL = env("REDIS_URL")
CACHE_URL = env("CACHE_URL", default=REDIS_URL)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL,
        "KEY_FUNCTION": "django_tenants.cache.make_key",
        "REVERSE_KEY_FUNCTION": "django_tenants.cache.reverse_key",
    }
}
CELERY_BROKER_URL = env("CELERY_BROKER_URL", default=REDIS_URL)

# --- people -----------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"

# --- language and time: storage is UTC; a tenant's zone is used where a person reads or a flight day begins -----------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
LOCALE_PATHS = [BASE_DIR / "locale"]

# --- files ------------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = env("MEDIA_ROOT", default=str(BASE_DIR / "media"))

# --- features: every switch is off unless the environment or the tenant turns it on (docs/how-to/switch-a-feature.md) -
FEATURE_FLAGS = [
    "ENABLE_ETL_CSV_UPLOAD",
    "ENABLE_MATCHMAKING",
    "ENABLE_IO_BOOKINGS",
    "ENABLE_DEAL_PIPELINE",
    "ENABLE_NEW_DASHBOARD_CARDS",
    "ENABLE_AUTOMATION_JOBS",
    "ENABLE_GOOGLE_SHEETS_IMPORT",
]
VANITY_URL_BASE = env("VANITY_URL_BASE", default="")
GOOGLE_SHEETS_CREDENTIALS_PATH = env("GOOGLE_SHEETS_CREDENTIALS_PATH", default="")

# --- mail -------------------------------------------------------------------------------------------------------------
EMAIL_CONFIG = env.email("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="tracker@localhost")
