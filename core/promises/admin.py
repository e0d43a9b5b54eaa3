"""The promise register in the back office."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import flash, g, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload
from wtforms import SelectField

from core.admin.access import ViewPermissions, expose_guarded
from core.admin.ajax import ReferenceField, strict_id
from core.admin.filters import ChoiceFilter, DateRangeFilter, ReferenceFilter
from core.admin.forms import GuardedForm
from core.admin.masking import sees_personal_data
from core.admin.saving import SaveRefused, commit, saving
from core.admin.searching import SearchDeclaration, clean_text
from core.admin.views import RecordView
from core.admin.work import RoleField, role_names
from core.customers.models import Customer
from core.customers.references import CUSTOMERS
from core.database.types import local_today
from core.extensions import db
from core.people.models import User
from core.projects import references
from core.projects.models import Project, Unit
from core.promises import services
from core.promises.models import Promise, PromiseSource, PromiseState
from core.promises.words import LABELS, SOURCES, STATES
from core.timeline import catalogue


def _asked(name: str) -> int | None:
    """Return the key that a link to an empty form brings along."""
    return strict_id(request.args.get(name))


class StageField(SelectField):
    """The stages A to G in the reader's language."""

    def iter_choices(self) -> Any:
        """Yield the stages."""
        self.choices = [(code, f"{code} {name}") for code, name in catalogue.stages()]
        return super().iter_choices()

    def pre_validate(self, form: Any) -> None:
        """Refuse a stage that does not exist."""
        self.choices = list(catalogue.stages())
        super().pre_validate(form)


def _settled_by(promise: Promise) -> str:
    return _name_of(promise.settled_by_id)


def _created_by(promise: Promise) -> str:
    return _name_of(promise.created_by_id)


def _responsible(promise: Promise) -> str:
    code = promise.responsible_role
    return role_names({code}).get(code, code)


def _name_of(user_id: int | None) -> str:
    if user_id is None:
        return ""
    return db.session.scalar(sa.select(User.name).where(User.id == user_id)) or ""


class PromiseView(RecordView):
    """Promises of the visible projects: list, record page, and how each was kept."""

    permissions = ViewPermissions(
        "promises.view", "promises.create", "promises.edit", None, "promises.export"
    )
    column_list = ("number", "text", "project.name", "unit.code", "said_by", "stage", "due_on", "state")
    column_details_list = (
        "number", "text", "project.name", "unit.code", "customer", "said_by", "made_on", "stage", "source",
        "due_on", "responsible_role", "state", "how", "settled_on", "settled_by", "created_by",
    )  # fmt: skip
    column_export_list = (
        "number", "text", "project.name", "unit.code", "said_by", "made_on", "stage", "source", "due_on", "state",
        "how", "settled_on",
    )  # fmt: skip
    column_labels = LABELS
    open_columns = frozenset({"text", "how"})
    choices = {
        "source": tuple((source, words) for source, words in SOURCES.items()),
        "stage": tuple((stage, stage) for stage in services.STAGES),
    }
    status_columns = {"state": STATES}
    cells = {
        "customer": lambda promise: promise.customer.name if promise.customer is not None else "",
        "responsible_role": _responsible,
        "settled_by": _settled_by,
        "created_by": _created_by,
    }
    list_options = (joinedload(Promise.project), joinedload(Promise.unit))
    search = SearchDeclaration(
        columns=("number", "text"), small_table=True, placeholder=_l("Number, or words of the promise")
    )
    filters = (
        ReferenceFilter("project_id", reference=references.PROJECTS),
        ReferenceFilter("unit_id", reference=references.UNITS),
        ReferenceFilter("customer_id", reference=CUSTOMERS),
        ChoiceFilter("state"),
        ChoiceFilter("stage"),
        ChoiceFilter("source"),
        DateRangeFilter("due_on"),
    )
    sortable = ("number", "due_on")
    default_sort = ("id", True)
    form_columns = (
        "project_id", "unit_id", "customer_id", "text", "said_by", "made_on", "stage", "source", "due_on",
        "responsible_role",
    )  # fmt: skip
    create_only_columns = frozenset({"project_id", "unit_id", "customer_id"})
    form_fields = {
        "project_id": ReferenceField(
            _l("Project"),
            reference=references.OPEN_PROJECTS,
            required=True,
            default=lambda: _asked("project"),
        ),
        "unit_id": ReferenceField(
            _l("Unit"),
            reference=references.UNITS,
            default=lambda: _asked("unit"),
            description=_l("Left empty: for everybody in the project."),
        ),
        "customer_id": ReferenceField(
            _l("Customer"),
            reference=CUSTOMERS,
            default=lambda: _asked("customer"),
            description=_l("Left empty: for everybody in the project."),
        ),
        "stage": StageField(_l("Stage")),
        "responsible_role": RoleField(_l("Responsible"), default="PCM"),
    }
    form_args = {
        "text": {
            "description": _l(
                "As it was said or printed. Attach the advertisement or the recording on its page afterwards."
            )
        },
        "made_on": {"default": local_today},
        "due_on": {"description": _l("Left empty: by the delivery.")},
    }
    references = {
        "project_id": references.OPEN_PROJECTS,
        "unit_id": references.UNITS,
        "customer_id": CUSTOMERS,
    }
    refusals = (services.PromiseRefused,)
    details_template = "promises/promise.html"
    empty_list_hint = _l(
        "Definite statements in advertisements and by consultants bind the company. Register them here, so that they "
        "are gone through before the keys are handed over."
    )

    def create_record(self, form: GuardedForm) -> Promise:
        """Register a promise."""
        values = form.values()
        unit_id, customer_id = values.pop("unit_id"), values.pop("customer_id")
        return services.register_promise(
            db.session.get_one(Project, values.pop("project_id")),
            values.pop("text") or "",
            unit=db.session.get(Unit, unit_id) if unit_id else None,
            customer=db.session.get(Customer, customer_id) if customer_id else None,
            source=values.pop("source") or PromiseSource.OTHER,
            **values,
        )

    def update_record(self, record: Promise, form: GuardedForm) -> None:
        """Change the words of a promise."""
        values = form.values()
        services.change_promise(record, **{**values, "text": values["text"] or ""})

    def why_locked(self, record: Promise) -> Any:
        """Offer no form for what was settled."""
        if record.is_open:
            return None
        return _("%(number)s was settled and does not change any more.", number=record.number)

    def details_extra(self, record: Promise) -> Mapping[str, Any]:
        """Return the outcomes that can be chosen, and what was typed for one that was refused."""
        return {
            **{"typed": {}, "complaints": {}, **g.get("refused_outcome", {})},
            "outcomes": [
                (state, words) for state, (_tone, words) in STATES.items() if state != PromiseState.OPEN
            ],
        }

    @expose_guarded("/settle/", permission="promises.settle", methods=("POST",))
    def settle(self) -> Any:
        """Say whether a promise was kept, and how."""
        promise = self.get_one(self._single_id())
        key, how = promise.id, clean_text(request.form.get("how", ""))
        try:
            with saving():
                services.settle_promise(promise, request.form.get("state", ""), how)
            commit()
        except (services.PromiseRefused, SaveRefused) as refused:
            db.session.rollback()
            field = getattr(refused, "field", None)
            if field is not None:
                g.refused_outcome = {"typed": {"how": how}, "complaints": {field: str(refused)}}
                return self._details(self.get_one(key), masked=not sees_personal_data()), 422
            flash(str(refused), "error")
        else:
            flash(_("The promise was settled."), "success")
        return redirect(self.address("details_view", id=key), 303)
