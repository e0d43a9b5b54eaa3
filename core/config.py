"""Every configuration key: its type, its default and one sentence.

A key is read from the environment as ``DOORSTEP_<KEY>`` (for the keys of Doorstep itself and of its libraries alike),
else from ``instance/doorstep.cfg``, else it has the default given here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from flask import Flask


@dataclass(frozen=True)
class Key:
    """One configuration key."""

    name: str
    type: type
    default: Any
    sentence: str


class ConfigurationError(RuntimeError):
    """A configuration value cannot be used; the message names the key and what to do."""


KEYS: tuple[Key, ...] = (
    Key(
        "DATABASE_URL",
        str,
        "",
        "SQLAlchemy address of the database; empty means doorstep.db in the instance folder.",
    ),
    Key("SECRET_KEY", str, "", "Signs sessions; made at installation in instance/secrets.json."),
    Key("SECURITY_PASSWORD_SALT", str, "", "Second secret of password hashing; made at installation."),
    Key(
        "FIELD_KEYS",
        str,
        "",
        "Keys of encrypted fields, newest first, separated by commas; made at installation.",
    ),
    Key("INDEX_KEY", str, "", "Key of blind indexes; made at installation and never replaced."),
    Key("TOTP_SECRET", str, "", "Key that encrypts two-factor secrets; made at installation."),
    Key(
        "INSTALLATION_NAME",
        str,
        "Doorstep",
        "Name of the installation in the browser's title and on letters.",
    ),
    Key("BASE_URL", str, "http://127.0.0.1:8000", "Public address; printed in QR codes and personal links."),
    Key(
        "TRUSTED_HOSTS",
        str,
        "",
        "Host names that are answered, separated by commas; empty means any (development).",
    ),
    Key(
        "PROXY_HOPS",
        int,
        0,
        "How many reverse proxies stand in front of the server; their headers are then trusted.",
    ),
    Key("HTTPS", bool, False, "Whether the site is served over HTTPS; cookies are then marked Secure."),
    Key(
        "REDIS_URL",
        str,
        "",
        "Shared storage of rate limits, and queue of the workers, when several machines serve; empty keeps the limits "
        "in memory and the queue in instance/queue.db.",
    ),
    Key("ATTACHMENT_FOLDER", str, "", "Where attachments lie; empty means instance/attachments."),
    Key("DOCUMENT_FOLDER", str, "", "Where issued documents lie; empty means instance/documents."),
    Key("JOB_FOLDER", str, "", "Where files of jobs lie; empty means instance/jobs."),
    Key("JOB_LEASE_SECONDS", int, 60, "After so long without a sign of its worker a job is taken over."),
    Key("JOB_RESULT_DAYS", int, 30, "So many days after its end the files of a job are removed."),
    Key(
        "FILE_BUCKET",
        str,
        "",
        "S3-compatible store for attachments, documents and files of jobs, s3://bucket/path; empty keeps all in their "
        "folders.",
    ),
    Key(
        "MAIL_SERVER",
        str,
        "",
        "SMTP server; empty means no e-mail, and passwords are then reset by administrators.",
    ),
    Key("MAIL_PORT", int, 587, "Port of the SMTP server."),
    Key("MAIL_USE_TLS", bool, True, "Whether the SMTP connection is upgraded by STARTTLS."),
    Key("MAIL_USERNAME", str, "", "Account on the SMTP server; empty means none is needed."),
    Key("MAIL_PASSWORD", str, "", "Password of that account."),
    Key("MAIL_DEFAULT_SENDER", str, "no-reply@localhost", "Sender of messages."),
    Key(
        "SMS_GATEWAY_URL",
        str,
        "",
        "Address to which text messages are posted; empty writes them into files of the instance folder.",
    ),
    Key(
        "SMS_GATEWAY_SECRET",
        str,
        "",
        "Secret shared with the SMS gateway; it signs messages and reports. Without it no report is taken.",
    ),
    Key("SMS_SIGNATURE", str, "", "What every text message begins with, for example 【云栖】."),
    Key("MAX_UPLOAD_MEGABYTES", int, 12, "Largest request body in megabytes."),
    Key(
        "EXPORT_ROWS_IN_REQUEST",
        int,
        5000,
        "Up to so many rows of a list are downloaded at once; more become a job, whose file waits on its page.",
    ),
    Key("DEFAULT_LOCALE", str, "zh_Hans_CN", "Language of users who have not chosen one: zh_Hans_CN or en."),
    Key("SAFE_MODE", bool, False, "Starts the core without any plugin."),
    Key("PLUGINS_STRICT", bool, False, "Makes a faulty plugin stop the start; for continuous integration."),
    Key("RATE_LIMITS", bool, True, "Whether sign-in and public pages are throttled."),
    Key("MAINTENANCE", bool, False, "Answers every page with the maintenance page."),
)


def parse(key: Key, value: str) -> Any:
    """Turn the text of an environment variable into the key's type.

    Raises:
        ConfigurationError: The text does not fit the type.
    """
    if key.type is bool:
        if value.strip().lower() in {"1", "true", "yes", "on"}:
            return True
        if value.strip().lower() in {"0", "false", "no", "off", ""}:
            return False
        raise ConfigurationError(f"DOORSTEP_{key.name} is {value!r}; write 1 or 0.")
    if key.type is int:
        try:
            return int(value)
        except ValueError as error:
            raise ConfigurationError(f"DOORSTEP_{key.name} is {value!r}; write a whole number.") from error
    return value


def load_config(app: Flask, overrides: Mapping[str, Any] | None = None) -> None:
    """Fill ``app.config``: defaults, then the instance file, then the environment, then ``overrides``.

    Raises:
        ConfigurationError: A value cannot be used, or needs a package that is not installed.
    """
    app.config.update({key.name: key.default for key in KEYS})
    app.config.from_pyfile("doorstep.cfg", silent=True)
    for key in KEYS:
        value = os.environ.get(f"DOORSTEP_{key.name}")
        if value is None and key.name in {"SAFE_MODE", "PLUGINS_STRICT", "REDIS_URL"}:
            value = os.environ.get(key.name)
        if value is not None:
            app.config[key.name] = parse(key, value)
    app.config.update(overrides or {})
    if app.config["REDIS_URL"] and find_spec("redis") is None:
        raise ConfigurationError(
            "DOORSTEP_REDIS_URL is set, but the package that speaks to Redis is not installed. Run "
            "`.venv/bin/pip install --editable '.[redis]'` in the folder of Doorstep, or take the value away."
        )
