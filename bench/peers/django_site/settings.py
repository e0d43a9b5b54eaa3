"""Settings of a project made by `startproject`, with what Django's deployment checklist adds."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy.engine import make_url

from bench.peers import SQLITE_SETTINGS

SECRET_KEY = os.environ["BENCH_SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "bench.peers.django_site.urls"
WSGI_APPLICATION = "bench.peers.django_site.wsgi.application"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "bench.peers.django_site.customers",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-us"
TIME_ZONE = "Asia/Shanghai"
USE_I18N = True
USE_TZ = True
STATIC_URL = "static/"


def _database() -> dict[str, Any]:
    url = make_url(os.environ["BENCH_DATABASE_URL"])
    # Persistent connections, as the deployment checklist advises; the default opens one per request.
    settings: dict[str, Any] = {"NAME": url.database, "CONN_MAX_AGE": 600}
    if url.get_backend_name() == "sqlite":
        return settings | {
            "ENGINE": "django.db.backends.sqlite3",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 5,
                "init_command": "".join(f"PRAGMA {name}={value};" for name, value in SQLITE_SETTINGS.items()),
            },
        }
    return settings | {
        "ENGINE": "django.db.backends.postgresql",
        "USER": url.username,
        "HOST": url.query["host"],
    }


DATABASES = {"default": _database()}
