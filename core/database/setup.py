"""Binding the database to an application."""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from core.database.connections import engine_options, prepare_engine
from core.database.scope import install_wall
from core.database.structure import install_structure_mark
from core.extensions import db


def set_up_database(app: Flask) -> None:
    """Bind the database, its connection rules and the wall to the application."""
    instance = Path(app.instance_path)
    instance.mkdir(parents=True, exist_ok=True)
    url = app.config["DATABASE_URL"] or f"sqlite:///{instance / 'doorstep.db'}"
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", {})
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url) | app.config["SQLALCHEMY_ENGINE_OPTIONS"]
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine)
    install_wall(db.session.session_factory)
    install_structure_mark(db.session.session_factory)
