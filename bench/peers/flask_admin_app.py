"""Stock Flask-Admin over the benchmark's rows, written as its documentation says.

`BENCH_DATABASE_URL` names the database, `BENCH_SECRET_KEY` signs the sessions.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Flask, redirect, request, url_for
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_babel import Babel
from flask_login import LoginManager, UserMixin, current_user, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, ForeignKey, String, event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.pool import ConnectionPoolEntry
from werkzeug.security import check_password_hash

from bench.dataset import KINDS, PAGE_SIZE, STAGES
from bench.peers import SQLITE_SETTINGS


class Base(DeclarativeBase):
    """Base of the peer's models."""


db = SQLAlchemy(model_class=Base)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class Project(db.Model):  # type: ignore[name-defined]
    """A housing project."""

    __tablename__ = "project"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)

    def __str__(self) -> str:
        return self.name


class User(UserMixin, db.Model):  # type: ignore[name-defined]
    """Someone who signs in; without `is_administrator` the projects of `staff_project` are all that is seen."""

    __tablename__ = "staff"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    password: Mapped[str] = mapped_column(String(200))
    is_administrator: Mapped[bool] = mapped_column(default=False)


class StaffProject(db.Model):  # type: ignore[name-defined]
    """A project that a user may see."""

    __tablename__ = "staff_project"
    staff_id: Mapped[int] = mapped_column(ForeignKey(User.id), primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey(Project.id), primary_key=True)


class Customer(db.Model):  # type: ignore[name-defined]
    """A customer, with an index on every column that is sorted or filtered by."""

    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), index=True)
    phone: Mapped[str] = mapped_column(String(20), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    stage: Mapped[str] = mapped_column(String(20), index=True)
    email: Mapped[str] = mapped_column(String(120))
    company: Mapped[str] = mapped_column(String(40), index=True)
    project_id: Mapped[int] = mapped_column(ForeignKey(Project.id), index=True)
    created_at: Mapped[datetime] = mapped_column(DateTime, index=True, default=_now)
    updated_at: Mapped[datetime] = mapped_column(DateTime, default=_now, onupdate=_now)
    project: Mapped[Project] = relationship()


class NarrowedView(ModelView):
    """Shows a limited user the rows of his own projects, narrowed by hand as the documentation shows it."""

    page_size = PAGE_SIZE
    named_filter_urls = True

    def is_accessible(self) -> bool:
        return bool(current_user.is_authenticated)

    def inaccessible_callback(self, name: str, **kwargs: Any) -> Any:
        return redirect(url_for("sign_in", next=request.url))

    def get_query(self) -> Any:
        return self._narrowed(super().get_query())

    def get_count_query(self) -> Any:
        return self._narrowed(super().get_count_query())

    def _narrowed(self, query: Any) -> Any:
        if current_user.is_administrator:
            return query
        rows = db.session.query(StaffProject.project_id).filter_by(staff_id=current_user.id)
        return query.filter(self.model.project_id.in_([project_id for (project_id,) in rows]))


class CustomerView(NarrowedView):
    """The list of customers."""

    column_list = ("id", "name", "phone", "kind", "stage", "company", "project", "created_at")
    column_sortable_list = ("id", "name", "phone", "created_at")
    column_default_sort = ("created_at", True)
    column_searchable_list = ("name", "phone")
    column_filters = ("project.name", "company", "stage")
    form_columns = ("name", "phone", "kind", "stage", "email", "company", "project")
    form_choices = {"kind": [(kind, kind) for kind in KINDS], "stage": [(stage, stage) for stage in STAGES]}
    can_export = True


def _sqlite_settings(connection: Any, _record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for name, value in SQLITE_SETTINGS.items():
        cursor.execute(f"PRAGMA {name}={value}")
    cursor.close()


def _add_customers(admin: Admin) -> None:
    admin.add_view(CustomerView(Customer, db, endpoint="customer"))


def create_app(add_views: Callable[[Admin], None] = _add_customers) -> Flask:
    """The application that gunicorn serves.

    Args:
        add_views: adds what is served to the admin.
    """
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ["BENCH_SECRET_KEY"]
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["BENCH_DATABASE_URL"]
    db.init_app(app)
    Babel(app)
    login = LoginManager(app)

    @login.user_loader
    def load_user(key: str) -> User | None:
        return db.session.get(User, int(key))

    @app.route("/sign-in", methods=["GET", "POST"])
    def sign_in() -> Any:
        if request.method == "POST":
            user = db.session.query(User).filter_by(name=request.form["name"]).one_or_none()
            if user is None or not check_password_hash(user.password, request.form["password"]):
                return "Name or password is wrong.", 403
            login_user(user)
            return redirect(url_for("admin.index"))
        return '<form method="post"><input name="name"><input name="password" type="password"></form>'

    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "connect", _sqlite_settings)
    admin = Admin(app, name="Customers")
    add_views(admin)
    return app


def create_tables(engine: Engine) -> None:
    """Makes the empty tables."""
    Base.metadata.create_all(engine)
