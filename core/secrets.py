"""The installation's secrets: made once, kept in a file that only its owner can read."""

from __future__ import annotations

import json
import os
import secrets as random
from pathlib import Path

from flask import Flask

from core.config import ConfigurationError
from core.database import encryption

FILE_NAME = "secrets.json"
_NAMES = ("SECRET_KEY", "SECURITY_PASSWORD_SALT", "FIELD_KEYS", "INDEX_KEY", "TOTP_SECRET")
_SAMPLES = {"secret", "changeme", "change-me", "dev", "test", "sample", "please-change-me", "super-secret"}


def load_secrets(app: Flask) -> None:
    """Take the secrets from the configuration or the instance folder, making the file when it is absent.

    Raises:
        ConfigurationError: The file can be read by others, or a secret is a sample value.
    """
    path = Path(app.instance_path) / FILE_NAME
    missing = [name for name in _NAMES if not app.config.get(name)]
    if missing:
        stored = _read(path) if path.exists() else _make(path)
        for name in missing:
            app.config[name] = stored[name]
    for name in _NAMES:
        value = str(app.config[name])
        if value.lower() in _SAMPLES or len(value) < 16:
            raise ConfigurationError(
                f"{name} is a sample or too short. Remove it from the configuration to have one made in {path}, "
                "or set at least 32 random characters."
            )
    encryption.use_keys(str(app.config["FIELD_KEYS"]).split(","), app.config["INDEX_KEY"])


def _make(path: Path) -> dict[str, str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {
        "SECRET_KEY": random.token_urlsafe(48),
        "SECURITY_PASSWORD_SALT": str(random.randbits(160)),
        "FIELD_KEYS": encryption.generate_key(),
        "INDEX_KEY": encryption.generate_key(),
        "TOTP_SECRET": random.token_urlsafe(32),
    }
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(path)
    with os.fdopen(handle, "w") as file:
        json.dump(values, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    return values


def _read(path: Path) -> dict[str, str]:
    if path.stat().st_mode & 0o077:
        raise ConfigurationError(f"{path} can be read by other users. Run: chmod 600 {path}")
    values: dict[str, str] = json.loads(path.read_text())
    return values
