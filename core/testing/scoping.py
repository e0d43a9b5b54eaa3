"""Acting as somebody outside a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from core.database.scope import Scope, all_departments, use_scope
from core.extensions import db
from core.people.models import User
from core.people.request_scope import scope_for


@contextmanager
def acting_as(app: Flask, user_id: int, department_id: int | None = None) -> Iterator[Scope]:
    """Open an application context in which a user acts; what is not committed at its end is rolled back.

    Args:
        app: The application.
        user_id: Who acts.
        department_id: Where; the highest department that the user belongs to when omitted.

    Yields:
        The scope.
    """
    with app.app_context():
        scope = scope_for(db.session.get_one(User, user_id), department_id)
        db.session.rollback()
        with use_scope(scope):
            yield scope
            db.session.rollback()


@contextmanager
def as_system(app: Flask, reason: str = "a test") -> Iterator[Scope]:
    """Open an application context in which the system acts with the wall open.

    Args:
        app: The application.
        reason: Why; it appears in the audit log.
    """
    with app.app_context(), all_departments(reason) as scope:
        yield scope
        db.session.rollback()
