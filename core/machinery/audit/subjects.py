"""A key for each person of whom the log and the archived documents speak. Destroying it erases the person there,
and leaves every row, every file and the chain of seals as they were."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Sequence
from typing import Any, cast

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.orm import Session

from core.database.types import utc_now
from core.extensions import db
from core.machinery.audit.models import SubjectKey

INSTALLATION = "installation"
"""The subject of values that belong to no customer; its key is never destroyed."""

_TABLE = cast(sa.Table, SubjectKey.__table__)
_KEY_OF = sa.select(_TABLE.c.key).where(_TABLE.c.subject == sa.bindparam("subject"))
"""Asked in nearly every save, and built once."""
_CACHE = "doorstep.subject_keys"
_NONCE_BYTES = 12
_as_json = json.JSONEncoder(ensure_ascii=False).encode
_AT_ONCE = 400
"""Subjects asked for in one statement."""


class SubjectErased(LookupError):
    """The key of the person was destroyed; nothing that was encrypted with it can be read any more."""


class UnreadableValueError(ValueError):
    """An encrypted value was changed, or belongs to another person."""


def customer_subject(customer_id: int | None) -> str:
    """Return the subject of a customer's values; the installation's for rows that belong to no customer."""
    return INSTALLATION if customer_id is None else f"customer:{customer_id}"


def encrypt_bytes(subject: str, content: bytes) -> bytes:
    """Encrypt ``content`` with the subject's key, making the key when there is none (AES-256-GCM).

    Raises:
        SubjectErased: The key was destroyed.
    """
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(_key(db.session(), subject)).encrypt(nonce, content, subject.encode())


def decrypt_bytes(subject: str, content: bytes) -> bytes:
    """Decrypt what :func:`encrypt_bytes` returned.

    Raises:
        SubjectErased: The key was destroyed.
        UnreadableValueError: The content was changed, or it was encrypted for another subject.
    """
    key = _key(db.session(), subject)
    try:
        return AESGCM(key).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], subject.encode())
    except (InvalidTag, ValueError) as error:
        raise UnreadableValueError(f"The content encrypted for {subject} cannot be read.") from error


def encrypt_value(session: Session, subject: str, value: Any) -> str | None:
    """Encrypt one plain value for the log; None when the person was erased, so that nothing new is kept about him."""
    try:
        key = _key(session, subject)
    except SubjectErased:
        return None
    nonce = os.urandom(_NONCE_BYTES)
    content = _as_json(value).encode()
    return base64.urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, content, subject.encode())).decode()


def encrypt_values(session: Session, subject: str, values: Sequence[Any]) -> list[str | None]:
    """Encrypt several plain values of one person; like :func:`encrypt_value` for each, with one cipher for all."""
    try:
        cipher = AESGCM(_key(session, subject))
    except SubjectErased:
        return [None] * len(values)
    aside = subject.encode()
    nonces = os.urandom(_NONCE_BYTES * len(values))
    tokens: list[str | None] = []
    for position, value in enumerate(values):
        nonce = nonces[position * _NONCE_BYTES : (position + 1) * _NONCE_BYTES]
        content = cipher.encrypt(nonce, _as_json(value).encode(), aside)
        tokens.append(base64.urlsafe_b64encode(nonce + content).decode())
    return tokens


def decrypt_value(subject: str, token: str) -> Any:
    """Decrypt what :func:`encrypt_value` returned; raises as :func:`decrypt_bytes`."""
    try:
        content = base64.urlsafe_b64decode(token)
    except ValueError as error:
        raise UnreadableValueError(f"A value encrypted for {subject} cannot be read.") from error
    return json.loads(decrypt_bytes(subject, content))


def destroy_subject_key(subject: str) -> None:
    """Destroy the key of a person, for ever; later values of the person are not kept in the log at all.

    Raises:
        ValueError: The subject is the installation itself.
    """
    if subject == INSTALLATION:
        raise ValueError("The key of the installation cannot be destroyed.")
    session = db.session()
    connection = session.connection()
    now = utc_now()
    changed = connection.execute(
        sa.update(_TABLE).where(_TABLE.c.subject == subject).values(key=None, destroyed_at=now)
    )
    if not changed.rowcount:
        connection.execute(
            _TABLE.insert().values(subject=subject, key=None, created_at=now, destroyed_at=now)
        )
    session.info.pop(_CACHE, None)


def is_erased(subject: str) -> bool:
    """Return whether the key of a subject was destroyed."""
    query = sa.select(_TABLE.c.destroyed_at).where(_TABLE.c.subject == subject)
    return db.session().connection().execute(query).scalar() is not None


def forget_keys(session: Session) -> None:
    """Drop the keys that were held during a transaction, so that none outlives its destruction by another process."""
    session.info.pop(_CACHE, None)


def hold_keys(session: Session, subjects: Iterable[str]) -> None:
    """Read the keys of many subjects at once, and make those that are missing, before their values are encrypted.

    An import writes hundreds of persons in one transaction; asking for each key by itself took half of its time.

    Args:
        session: The session of the transaction.
        subjects: The subjects whose values are about to be encrypted.
    """
    held: dict[str, bytes] = session.info.setdefault(_CACHE, {})
    wanted = sorted(set(subjects) - held.keys())
    if len(wanted) < 2:
        return
    connection = session.connection()
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        found = _read_keys(connection, part)
        missing = [subject for subject in part if subject not in found]
        if missing:
            found |= _make_keys(connection, missing)
        held.update(
            {subject: base64.urlsafe_b64decode(key) for subject, key in found.items() if key is not None}
        )


def _read_keys(connection: sa.Connection, subjects: Sequence[str]) -> dict[str, str | None]:
    query = sa.select(_TABLE.c.subject, _TABLE.c.key).where(_TABLE.c.subject.in_(subjects))
    return {row.subject: row.key for row in connection.execute(query)}


def _make_keys(connection: sa.Connection, subjects: Sequence[str]) -> dict[str, str | None]:
    made = {subject: base64.urlsafe_b64encode(os.urandom(32)).decode() for subject in subjects}
    now = utc_now()
    rows = [{"subject": subject, "key": key, "created_at": now} for subject, key in made.items()]
    statement = _insert(connection)(_TABLE).on_conflict_do_nothing(index_elements=["subject"])
    stored = set(connection.execute(statement.returning(_TABLE.c.subject), rows).scalars())
    # Another transaction may have made one at the same moment; the first one counts.
    lost = [subject for subject in subjects if subject not in stored]
    return {subject: made[subject] for subject in stored} | (_read_keys(connection, lost) if lost else {})


def _insert(connection: sa.Connection) -> Any:
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    return insert


def _key(session: Session, subject: str) -> bytes:
    held: dict[str, bytes] = session.info.setdefault(_CACHE, {})
    if subject in held:
        return held[subject]
    connection = session.connection()
    row = connection.execute(_KEY_OF, {"subject": subject}).first()
    if row is None:
        # Another transaction may make it at the same moment; the first one counts.
        row = _make_key(connection, subject) or connection.execute(_KEY_OF, {"subject": subject}).one()
    if row.key is None:
        raise SubjectErased(f"The key of {subject} was destroyed.")
    held[subject] = base64.urlsafe_b64decode(row.key)
    return held[subject]


def _make_key(connection: sa.Connection, subject: str) -> Any:
    statement = _insert(connection)(_TABLE).values(
        subject=subject, key=base64.urlsafe_b64encode(os.urandom(32)).decode(), created_at=utc_now()
    )
    return connection.execute(
        statement.on_conflict_do_nothing(index_elements=["subject"]).returning(_TABLE.c.key)
    ).first()
