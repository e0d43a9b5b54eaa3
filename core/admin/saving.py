"""The end of a writing request: the commit, and what staff read when the database refuses."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy.exc
from flask_babel import gettext as _
from sqlalchemy.orm.exc import StaleDataError

from core.admin.http import request_id
from core.database.scope import ScopeError
from core.extensions import db
from core.machinery.signatures.guard import RecordSigned

log = logging.getLogger(__name__)

_CODES = {"23505": "unique", "23503": "foreign", "23502": "missing", "23514": "check"}
_SQLITE_WORDS = {"UNIQUE": "unique", "FOREIGN KEY": "foreign", "NOT NULL": "missing", "CHECK": "check"}


class SaveRefused(Exception):
    """Nothing was saved; the message is a full sentence for the user and carries the incident id.

    Attributes:
        stale: Whether somebody else changed the record in the meantime.
    """

    def __init__(self, sentence: str, *, stale: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.stale = stale


@contextmanager
def saving() -> Iterator[None]:
    """Turn what the database refuses inside the ``with`` block into :class:`SaveRefused`, after a rollback.

    The log keeps the error under the incident id, without the values; the page never shows SQL.
    """
    try:
        yield
    except RecordSigned as error:
        db.session.rollback()
        raise SaveRefused(str(error)) from error
    except (sqlalchemy.exc.SQLAlchemyError, ScopeError) as error:
        db.session.rollback()
        incident = request_id()
        log.warning("Incident %s: a change was refused: %s", incident, error, exc_info=True)
        stale = isinstance(error, StaleDataError)
        shown = _("Incident %(incident)s", incident=incident)
        raise SaveRefused(f"{_sentence(error)} {shown}", stale=stale) from error


def commit() -> None:
    """Commit the transaction of this request.

    Raises:
        SaveRefused: The database or the wall between departments refused; nothing was saved.
    """
    with saving():
        db.session.commit()


def _sentence(error: Exception) -> str:
    if isinstance(error, StaleDataError):
        return _(
            "Somebody else changed this record meanwhile. Nothing was saved; open it again and repeat your change."
        )
    if isinstance(error, ScopeError):
        return _("You cannot save this record in that project or department. Nothing was saved.")
    if isinstance(error, sqlalchemy.exc.IntegrityError):
        return _integrity_sentence(_kind(error))
    if isinstance(error, sqlalchemy.exc.DataError):
        return _(
            "A value is too long or too large for its field. Nothing was saved; shorten it and save again."
        )
    if isinstance(error, sqlalchemy.exc.OperationalError):
        return _("The database is busy. Nothing was saved; wait a moment and save again.")
    return _(
        "The record could not be saved. Nothing was changed; tell the administrator the incident number."
    )


def _kind(error: sqlalchemy.exc.IntegrityError) -> str:
    code = getattr(error.orig, "sqlstate", None)
    if code:
        return _CODES.get(code, "")
    message = str(error.orig)
    return next((kind for words, kind in _SQLITE_WORDS.items() if message.startswith(words)), "")


def _integrity_sentence(kind: str) -> str:
    if kind == "unique":
        return _("A code or number in this form is already in use. Nothing was saved; choose another one.")
    if kind == "foreign":
        return _(
            "Other records belong to this one or are missing, so the change is not possible. Nothing was saved."
        )
    if kind == "missing":
        return _("A required value is missing. Nothing was saved; fill in all required fields.")
    return _("The values do not fit together. Nothing was saved; check them and save again.")
