"""Encryption of single values, and blind indexes for equality search on them.

The installation's field keys are 32 random bytes each, read from ``DOORSTEP_FIELD_KEYS`` (newest first,
comma-separated, URL-safe base64) or made at installation in the instance folder. Values carry no key of their own:
MultiFernet tries each, so that a key can be replaced while the old values stay readable.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, MultiFernet


class EncryptionNotReadyError(RuntimeError):
    """No field key was set before the first encrypted value was read or written."""


class _Keyring:
    def __init__(self) -> None:
        self.fernet: MultiFernet | None = None
        self.index_key: bytes | None = None


_keyring = _Keyring()


def generate_key() -> str:
    """Return a new field key: 32 random bytes as URL-safe base64."""
    return Fernet.generate_key().decode()


def use_keys(field_keys: list[str], index_key: str) -> None:
    """Set the keys of this process.

    Args:
        field_keys: Field keys, newest first; the first encrypts, all decrypt.
        index_key: The secret of the blind indexes; it cannot be replaced without re-indexing.
    """
    _keyring.fernet = MultiFernet([Fernet(key) for key in field_keys])
    _keyring.index_key = base64.urlsafe_b64decode(index_key)


def _fernet() -> MultiFernet:
    if _keyring.fernet is None:
        raise EncryptionNotReadyError(
            "Encrypted values cannot be used before create_app() has set the field keys."
        )
    return _keyring.fernet


def encrypt(value: str) -> str:
    """Encrypt ``value`` with the newest field key."""
    return _fernet().encrypt(value.encode()).decode()


def decrypt(token: str) -> str:
    """Decrypt what :func:`encrypt` returned.

    Raises:
        cryptography.fernet.InvalidToken: The value was changed or its key is gone.
    """
    return _fernet().decrypt(token.encode()).decode()


def blind_index(value: str, purpose: str) -> str:
    """Return a keyed hash of ``value``: equal values meet, and nothing else can be read from it.

    Args:
        value: The normalised value, for example an ID number in upper case.
        purpose: What the index is for; the same value has different indexes for different purposes.
    """
    if _keyring.index_key is None:
        raise EncryptionNotReadyError(
            "Blind indexes cannot be used before create_app() has set the index key."
        )
    return hmac.new(_keyring.index_key, f"{purpose}\0{value}".encode(), hashlib.sha256).hexdigest()
