"""Every setting, from the environment, with safe defaults for a laptop. `.env.example` lists what operators set."""

from pathlib import Path

import environ
import pghistory

from tracker.dashboards.admin_theme import UNFOLD  # noqa: F401
from tracker.lib.logs import log_settings
from tracker.schedules import SCHEDULES, UPKEEP
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
# Addresses are unique whatever their spelling: a constraint on lower(email) that this check does not see.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]

# --- apps: no table name stands both in public and in a tenant (docs/decisions/0002) ----------------------------------
SHARED_APPS = [
    # Before the library, whose create_tenant command it replaces.
    "tracker.tenants",
    "django_tenants",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django_celery_beat",
    "pgtrigger",
]
TENANT_APPS = [
    "tracker.accounts",
    "django.contrib.sessions",
    "tracker.lib.adminconfig.TrackerAdminConfig",
    "axes",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "pghistory",
    "tracker.flags",
    "tracker.api",
    "tracker.events",
    "tracker.automation",
    "metrics",
    "deals",
    "bookings",
    "matchmaking",
    "etl",
    "tracker.dashboards",
]
# Apps without tables, anywhere. Unfold stands before django_tenants and the admin, whose templates it replaces.
TABLELESS_FIRST = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
]
TABLELESS = [
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "tracker.lib.staticconfig.TrackerStaticFilesConfig",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "import_export",
    "django_structlog",
    "django_prometheus",
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
    # Links that listeners type: answered before anything that only pages need.
    "bookings.redirects.VanityRedirectMiddleware",
    "tracker.tenants.middleware.TenantMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "tracker.lib.admin.AdminPolicyMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "tracker.tenants.middleware.SessionTenantMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "tracker.accounts.audit.AuditMiddleware",
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
                "tracker.flags.pages.features",
                "tracker.dashboards.context.shell",
            ],
            "builtins": ["tracker.lib.ui", "tracker.dashboards.tags"],
        },
    }
]

# --- database ---------------------------------------------------------------------------------------------------------
# A database that does not answer at all is given up: a new connection after 5 s, one in use after 20 s.
PATIENCE = {"connect_timeout": 5, "tcp_user_timeout": 20_000, "keepalives_idle": 20, "keepalives_interval": 5}
DATABASE = env.db("DATABASE_URL")
DATABASES = {
    "default": {
        **DATABASE,
        "ENGINE": "django_tenants.postgresql_backend",
        # A new connection knows none of the tenants' tables: what it learns of them is worth keeping, up to a size.
        "CONN_MAX_AGE": env.int("DATABASE_CONNECTION_SECONDS", default=600),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**PATIENCE, **DATABASE.get("OPTIONS", {})},
    }
}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
# A replica that dashboards read from; off unless one is named (docs/scaling.md).
if REPLICA_DATABASE_URL := env("REPLICA_DATABASE_URL", default=""):
    DATABASES["replica"] = {**DATABASES["default"], **env.db_url_config(REPLICA_DATABASE_URL)}
    DATABASES["replica"]["ENGINE"] = "django_tenants.postgresql_backend"
    DATABASE_ROUTERS.insert(0, "tracker.tenants.replicas.ReplicaRouter")
    MIDDLEWARE.append("tracker.tenants.replicas.ReplicaMiddleware")
REPLICA_PATHS = ["/dashboard/", "/api/v1/dashboard/"]
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
TENANT_LIMIT_SET_CALLS = True
# The role of web and workers, when they do not use the owner's: it gets its rights on what the owner makes.
DATABASE_APP_ROLE = env("DATABASE_APP_ROLE", default="")
TENANT_COLOR_ADMIN_APPS = False

# --- audit: triggers keep every change of a tracked row, those of bulk writes and raw SQL too -------------------------
PGHISTORY_DEFAULT_TRACKERS = (pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())

# --- cache, queue -----------------------------------------------------------------------------------------------------
REDIS_URL = env("REDIS_URL")


def _cache_url(redis_url: str) -> str:
    """The queue's server, spoken to as a cache in a numbered database of its own."""
    if redis_url.startswith("redis+socket://"):
        return redis_url.replace("redis+socket://", "unix://").partition("?")[0] + "?db=1"
    return redis_url


CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env("CACHE_URL", default=_cache_url(REDIS_URL)),
        "KEY_FUNCTION": "django_tenants.cache.make_key",
        "REVERSE_KEY_FUNCTION": "django_tenants.cache.reverse_key",
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 1},
    }
}
CELERY_BROKER_URL = env("CELERY_BROKER_URL", default=REDIS_URL)
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
# A killed worker's task comes back; every task is safe to run again.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A job that takes longer is ended and says so in its history; a minute later its process is, too. More than this
# would outlast the queue's own patience.
CELERY_TASK_SOFT_TIME_LIMIT = min(env.int("TASK_SECONDS", default=240), 240)
CELERY_TASK_TIME_LIMIT = CELERY_TASK_SOFT_TIME_LIMIT + 60
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,
    "socket_timeout": 10,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 30,
}
# A request does not wait for a queue that is down: what was committed is found by the sweep.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TIMEZONE = "UTC"
# Making, exporting and erasing tenants needs the owner of the database: a worker of its own may listen to this queue.
OWNER_QUEUE = env("OWNER_QUEUE", default="celery")
CELERY_TASK_ROUTES = {"tracker.tenants.provisioning.*": {"queue": OWNER_QUEUE}}
CELERY_TASK_TENANT_CACHE_SECONDS = 0
# Connections to the database are kept from task to task by ourselves (tracker/celery.py).
CELERY_DB_REUSE_MAX = 10**9
JOB_SCHEDULES = SCHEDULES
UPKEEP_SCHEDULES = UPKEEP

# --- people -----------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in [
        ("UserAttributeSimilarityValidator", {"user_attributes": ("email", "name")}),
        ("MinimumLengthValidator", {"min_length": 10}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    ]
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "tracker.accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_SESSION_REMEMBER = None
ACCOUNT_DEFAULT_HTTP_PROTOCOL = SITE_SCHEME
# Passwords are guarded by the lock-out below; this one, looser, guards the codes of the second factor.
ACCOUNT_RATE_LIMITS = {"login_failed": "20/900s/key"}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Podcast Sponsorship Tracker"
# Ten wrong passwords for one account, or from one address, close the door for a quarter of an hour. The address is
# the one that spoke to us; TRUSTED_PROXIES counts proxies in front, what a caller claims in a header is not believed.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = ["username", "ip_address"]
AXES_RESET_ON_SUCCESS = True
AXES_USERNAME_CALLABLE = "tracker.accounts.adapter.name_tried"
AXES_CLIENT_IP_CALLABLE = "tracker.lib.addresses.client_address"
AXES_LOCKOUT_CALLABLE = "tracker.accounts.adapter.locked_out"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

# --- sessions, cookies, headers ---------------------------------------------------------------------------------------
IS_SECURE = SITE_SCHEME == "https"
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = "__Host-session" if IS_SECURE else "session"
SESSION_COOKIE_SECURE = IS_SECURE
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_COOKIE_NAME = "__Host-csrf" if IS_SECURE else "csrf"
CSRF_COOKIE_SECURE = IS_SECURE
CSRF_COOKIE_HTTPONLY = False
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = IS_SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 2 * 365 * 24 * 3600 if IS_SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_SECURE
SECURE_HSTS_PRELOAD = IS_SECURE
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    name: [] for name in ("camera", "geolocation", "microphone", "payment", "usb", "display-capture")
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

# --- API --------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tracker.api.authentication.KeyAuthentication",
        "tracker.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tracker.api.permissions.MayUse"],
    "DEFAULT_PARSER_CLASSES": ["tracker.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "tracker.api.paging.CursorPages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "tracker.api.schema.TrackerAutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["tracker.api.throttling.PerCaller"],
    "DEFAULT_THROTTLE_RATES": {"caller": env("API_RATE", default="600/min")},
    "EXCEPTION_HANDLER": "tracker.api.problems.handle",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "NUM_PROXIES": TRUSTED_PROXIES,
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Podcast Sponsorship Tracker",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/(v1/)?",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "tracker.api.examples.add_examples",
    ],
    # One name for each set of words, so that a client made from the document keeps its names.
    "ENUM_NAME_OVERRIDES": {
        "JobRunStatus": "tracker.automation.models.JobRun.Status",
        "DeliveryStatus": "tracker.events.models.Delivery.Status",
        "ImportStatus": "etl.models.Import.Status",
        "BookingStatus": "bookings.models.IOBooking.Status",
        "OfferStatus": "bookings.api.offers.STATUSES",
    },
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
}

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
STORAGES = {
    "default": {"BACKEND": "django_tenants.files.storage.TenantFileSystemStorage"},
    "staticfiles": {"BACKEND": "tracker.lib.static_files.StaticFiles"},
}
# Every address of ours names the hashed file; the plain one beside it would only be compressed a second time.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
# Off where a proxy in front compresses what it hands out.
COMPRESS_STATIC_FILES = env.bool("COMPRESS_STATIC_FILES", default=True)
MEDIA_ROOT = env("MEDIA_ROOT", default=str(BASE_DIR / "media"))
# The largest file that an import takes; a larger one is refused with 413.
ETL_MAX_UPLOAD_BYTES = env.int("ETL_MAX_UPLOAD_BYTES", default=200_000_000)

# --- webhooks: tries over three days; loopback and a compressed schedule are for integrators on their own machine -----
WEBHOOK_ALLOW_LOOPBACK = env.bool("WEBHOOK_ALLOW_LOOPBACK", default=False)
WEBHOOK_DEFAULT_SCHEDULE = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
WEBHOOK_RETRY_SCHEDULE = env.list("WEBHOOK_RETRY_SCHEDULE", cast=int, default=WEBHOOK_DEFAULT_SCHEDULE)

# --- logs: one line an event, with tenant and request; no secret, no address but the one that spoke to us -------------
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
# What a task logs carries the request, person and tenant that caused it, and its own id.
DJANGO_STRUCTLOG_CELERY_ENABLED = True
LOG_JSON = env.bool("LOG_JSON", default=not DEBUG and SITE_SCHEME == "https")
LOGGING = log_settings(as_json=LOG_JSON, level=env("LOG_LEVEL", default="INFO"))

# --- eyes: nothing is sent anywhere unless it is asked for ------------------------------------------------------------
METRICS_TOKEN = env("METRICS_TOKEN", default="")
PROMETHEUS_EXPORT_MIGRATIONS = False
if SENTRY_DSN := env("SENTRY_DSN", default=""):
    from tracker.lib.reporting import report_errors_to

    report_errors_to(SENTRY_DSN)

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

# --- queue: whoever has settings has the app that sends tasks; the launcher (tracker/stack) starts without either -----
from tracker.celery import app as celery_app  # noqa: E402, F401
