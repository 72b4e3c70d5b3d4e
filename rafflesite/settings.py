"""Settings of the site, all from the environment; a missing one stops the start.

`NAME_FILE=/run/secrets/name` serves in place of `NAME` (secrets as files). `LOCAL=on` is the
one-command start on this machine: plain HTTP, no e-mail check, mail written to var/mail/.
"""

from pathlib import Path
from typing import Any

import environ
from psycopg import IsolationLevel

from rafflesite import logs, software

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()

LOCAL: bool = env.bool("LOCAL", default=False)
DEBUG: bool = env.bool("DEBUG", default=False)
SECRET_KEY: str = env.str("SECRET_KEY")
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS: list[str] = (
    env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
    if LOCAL
    else env.list("ALLOWED_HOSTS")
)
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

ROOT_URLCONF = "rafflesite.urls"
WSGI_APPLICATION = "rafflesite.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "accounts",
    "raffle",
]

MIDDLEWARE = [
    "rafflesite.naming.named_requests",
    "django.middleware.security.SecurityMiddleware",
    "rafflesite.middleware.content_security_policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "rafflesite.middleware.nothing_personal_is_stored",
    "rafflesite.languages.ReadersLanguage",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.middleware.WhoIsAsking",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
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
            ],
        },
    },
]

# --- The database ---------------------------------------------------------------------------------
# READ COMMITTED is part of the selling protocol (lock, then look): lock-then-count oversells under
# REPEATABLE READ, so it is said here and not left to the server's default.
# The time-outs turn a stuck peer into a clear 503 instead of a hang: a waiter gives up after
# lock_timeout, and a holder that froze is put out after idle_in_transaction_session_timeout.
DB_STATEMENT_TIMEOUT: int = env.int("DB_STATEMENT_TIMEOUT", default=5000)  # ms; 0: no limit
# Pages are answered by as many at once as there are connections but two, which are the purchases'.
DB_POOL_SIZE: int = env.int("DB_POOL_SIZE", default=8)

DATABASES: dict[str, dict[str, Any]] = {"default": env.db_url("DATABASE_URL")}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise environ.ImproperlyConfigured("DATABASE_URL must name a PostgreSQL server: postgres://…")
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("OPTIONS", {}).update(
    {
        "isolation_level": IsolationLevel.READ_COMMITTED,
        "pool": {"min_size": 2, "max_size": DB_POOL_SIZE, "timeout": 3},
        "connect_timeout": 3,
        "options": (
            f"-c lock_timeout=3000 -c statement_timeout={DB_STATEMENT_TIMEOUT}"
            " -c idle_in_transaction_session_timeout=5000"
        ),
    }
)

# Log-in throttling counts attempts across all processes, so the cache is a table they share.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "site_cache",
        "OPTIONS": {"MAX_ENTRIES": 1_000_000},  # a full cache forgets who failed to sign in
    }
}

# --- Raffle ---------------------------------------------------------------------------------------
# On: buyers who wait for the same raffle are sold to in batches, one lock and one COMMIT a batch.
COMBINE_PURCHASES: bool = env.bool("COMBINE_PURCHASES", default=True)
# Under way in a process: enough to share a COMMIT, few enough for others to get a turn in between.
PURCHASES_AT_ONCE: int = env.int("PURCHASES_AT_ONCE", default=60)
# Base addresses that serve drand's rounds, all asked at once; empty: the League of Entropy's own.
BEACON_RELAYS: list[str] = env.list("BEACON_RELAYS", default=[])
# The commit that runs, named in every seal and on every raffle's page.
SOFTWARE: str = env.str("SOFTWARE", default="") or software.version(BASE_DIR)

# --- People ---------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = ["accounts.hashing.PasswordHasher"]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "raffle:list"
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_FORMS = {"signup": "accounts.forms.SignupForm"}
# Rounds of PBKDF2 a try, of 300 tries on average, that a sign-up costs a browser: about a second.
SIGNUP_WORK: int = env.int("SIGNUP_WORK", default=200 if LOCAL else 10_000)
# Whoever has no JavaScript does no work: few from one address, and few from all together.
ACCOUNT_RATE_LIMITS = {"signup_without_work": "5/h/ip,60/h/key"}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none" if LOCAL else "mandatory"
# A code typed in the same browser, so that a sign-up on the way to a raffle comes back to it.
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = not LOCAL
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_EMAIL_NOTIFICATIONS = True  # of a changed password, address or second factor
ACCOUNT_CHANGE_EMAIL = True  # one address a person: a new one, once verified, replaces the old
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_LOGOUT_REDIRECT_URL = "raffle:list"
ACCOUNT_SESSION_REMEMBER = True
# Staff need a second factor (an authenticator app), shown in every session, before anything of the
# administration works. Off only where this machine is its own site, so that a demo starts at once.
STAFF_SECOND_FACTOR: bool = env.bool("STAFF_SECOND_FACTOR", default=not LOCAL)
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Raffle"
MFA_TOTP_TOLERANCE = 1  # a phone's clock may be half a minute off
MFA_ALLOW_UNVERIFIED_EMAIL = LOCAL  # where no address is ever verified
MFA_ADAPTER = "accounts.adapters.SecondFactorAdapter"
# How many proxies stand in front: the throttle counts by the address that the first of them saw.
ALLAUTH_TRUSTED_PROXY_COUNT: int = env.int("TRUSTED_PROXIES", default=0 if LOCAL else 1)

# --- E-mail ---------------------------------------------------------------------------------------
if LOCAL and "EMAIL_URL" not in env.ENVIRON:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = BASE_DIR / "var" / "mail"
else:
    vars().update(env.email_url("EMAIL_URL"))
DEFAULT_FROM_EMAIL: str = env.str("DEFAULT_FROM_EMAIL", default="raffle@localhost")

# --- Time and language ----------------------------------------------------------------------------
# The source is English; the others are complete (raffle/tests/test_languages.py).
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("es", "Español")]
# What libraries say can be said otherwise in accounts/wording.
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "accounts" / "wording"]
TIME_ZONE: str = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

# --- Static files ---------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(BASE_DIR / "var" / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- Security -------------------------------------------------------------------------------------
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 14 * 24 * 3600  # seconds
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# 256 kB holds every form and API body that the site knows, and nobody has a file to send.
DATA_UPLOAD_MAX_MEMORY_SIZE = 262_144
FILE_UPLOAD_HANDLERS: list[str] = []
if not LOCAL:
    if DEBUG or len(SECRET_KEY) < 50:
        raise environ.ImproperlyConfigured("No DEBUG here, and a SECRET_KEY of 50 letters or more.")
    SESSION_COOKIE_NAME = "__Host-sid"
    CSRF_COOKIE_NAME = "__Host-csrf"
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True

# --- Logging --------------------------------------------------------------------------------------
LOGGING = logs.config(logs.form())
