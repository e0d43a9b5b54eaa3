"""Unbound extension objects; :mod:`core.app` binds them to an application."""

from __future__ import annotations

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy.orm import DeclarativeBase

from core.database.base import metadata


class _SharedBase(DeclarativeBase):
    """Tells Flask-SQLAlchemy the shared MetaData; models derive from CoreBase or from their plugin's base instead."""

    metadata = metadata


db = SQLAlchemy(model_class=_SharedBase, disable_autonaming=True, add_models_to_shell=False)
"""The database: `db.session` is the session of the request, inside the scope of the acting user."""
csrf = CSRFProtect()
limiter = Limiter(key_func=get_remote_address)
