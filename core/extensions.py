"""Unbound extension objects; :mod:`core.app` binds them to an application."""

from __future__ import annotations

from typing import Any

from flask import g, has_app_context
from flask_babel import Babel, Domain
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy.orm import DeclarativeBase
from werkzeug.utils import cached_property

from core.database.base import metadata


class _SharedBase(DeclarativeBase):
    """Tells Flask-SQLAlchemy the shared MetaData; models derive from CoreBase or from their plugin's base instead."""

    metadata = metadata


class _QuickDomain(Domain):
    """The texts of the reader's language; a page asks for two hundred, and Flask-Babel finds the language for each."""

    def get_translations(self) -> Any:
        """Return the texts of the language of this moment; as long as it stays the same, those found before."""
        context = g.get("_flask_babel") if has_app_context() else None
        if context is None:
            return super().get_translations()
        known = getattr(context, "doorstep_texts", None)
        if known is not None and known[0] is self and known[1] is getattr(context, "babel_locale", None):
            return known[2]
        found = super().get_translations()
        context.doorstep_texts = (self, context.babel_locale, found)
        return found


class _QuickBabel(Babel):
    @cached_property
    def domain_instance(self) -> Domain:
        """The domain of the product's own texts."""
        return _QuickDomain(domain=self.domain)


db = SQLAlchemy(model_class=_SharedBase, disable_autonaming=True, add_models_to_shell=False)
"""The database: `db.session` is the session of the request, inside the scope of the acting user."""
babel = _QuickBabel()
csrf = CSRFProtect()
limiter = Limiter(key_func=get_remote_address)
