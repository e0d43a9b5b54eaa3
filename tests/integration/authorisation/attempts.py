"""How each route is tried: its arguments are filled by the kind of record that they name.

A route that nothing here can fill raises :class:`Unfillable`, so that a new route cannot be forgotten.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import url_for
from werkzeug.routing import Rule as Route
from wtforms import BooleanField, FieldList, SelectField, SelectMultipleField

from core.admin.ajax import ReferenceField, ReferenceListField
from core.admin.calendar import VIEWS
from core.admin.filters import ReferenceFilter
from core.admin.forms import NONCE, VERSION
from core.admin.versions import version_of
from core.admin.views import PageView, RecordView
from core.admin.work import TABS
from core.database.scope import Scope, use_scope
from core.extensions import db
from core.machinery.documents.models import IssuedDocument
from core.machinery.jobs.models import Job, JobFile
from core.people.models import Department, Membership, User
from core.people.permissions import Public, required_permission
from core.plugin_system.runtime import current_runtime
from core.projects.models import Building, Project, Unit
from core.testing.world import PASSWORD
from tests.integration.authorisation.oracle import (
    ANY,
    FORBIDDEN,
    LED_BACK,
    MALFORMED,
    MISSING,
    NOT_FOUND,
    OK,
    PROJECTS,
    REFUSED,
    TARGETS,
    Actor,
    Rule,
)
from tests.integration.authorisation.records import STAFF
from tests.integration.authorisation.scene import Scene, picture

MISSING_KEY, MALFORMED_KEY = "999999999", "1,5"
SYSTEM = Scope(project_ids=None, department_ids=None, permissions=frozenset({"personal.view"}))
REASON = "asked for by the customer in writing"


class Unfillable(LookupError):
    """A route has arguments or a form that the registry does not know; the message says what to add."""


@dataclass(frozen=True)
class Attempt:
    """A request, and what it needs.

    Attributes:
        address: Path with its query.
        rule: What it needs.
        model: Class of the row that the target names.
        data: The form.
        files: Name of the file field that carries a picture.
        private: Whether only the account that made the row sees it.
        what: Words for the report.
    """

    address: str
    rule: Rule
    model: Any = None
    data: Mapping[str, Any] = field(default_factory=dict)
    files: str = ""
    private: bool = False
    what: str = ""

    def options(self) -> dict[str, Any]:
        """Return the arguments for the browser."""
        if self.files:
            content = {**self.data, self.files: (io.BytesIO(picture()), "photo.png")}
            return {"data": content, "content_type": "multipart/form-data"}
        return {"data": dict(self.data)} if self.data else {}


def key_text(scene: Scene, model: Any, target: str) -> str:
    """Return the key of the target's row as an address carries it."""
    if target in PROJECTS:
        return str(scene.records.key(model, target))
    return MISSING_KEY if target == MISSING else MALFORMED_KEY


def component_of(scene: Scene, endpoint: str) -> str:
    """Return the slug of the plugin that a route belongs to, or ``core``."""
    owner = endpoint.rpartition(".")[0]
    view = scene.views.get(owner)
    if view is not None:
        return str(getattr(view, "component", "core"))
    return next((slug for slug in scene.plugins if owner == slug or owner.startswith(f"{slug}_")), "core")


def attempts(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> list[Attempt]:
    """Return the requests that try a route.

    Raises:
        Unfillable: The registry does not know how.
    """
    owner, _dot, function = route.endpoint.rpartition(".")
    view = scene.views.get(owner)
    with scene.app.test_request_context("/"), use_scope(SYSTEM):
        special = SPECIAL.get(route.endpoint)
        if special is not None:
            return list(special(scene, route, method, actor, target))
        if isinstance(view, RecordView):
            return list(OF_VIEWS.get(function, _further)(scene, view, route, method, actor, target))
        if route.endpoint in PUBLIC:
            return list(_public(route, target))
        return list(_of_blueprint(scene, route, method, target))


# --- Record views: what each function needs is said here once more, and compared with what the door does


def _view_rule(view: RecordView, *further: str | None, **options: Any) -> Rule:
    return Rule((view.permissions.view, *further), **options)


def _index(
    scene: Scene, view: RecordView, route: Route, method: str, actor: Actor, target: str
) -> Iterator[Attempt]:
    rule = _view_rule(view)
    search = scene.records.canary(target)[:2] if target in PROJECTS else "1,5"
    yield Attempt(url_for(route.endpoint, search=search, size=200), rule, what="search")
    for each in view.filters:
        if isinstance(each, ReferenceFilter):
            chosen = key_text(scene, each.target(view).model, target)
            yield Attempt(
                url_for(route.endpoint, **{each.arguments[0]: chosen}), rule, what=f"filter {each.column}"
            )


def _counts(
    scene: Scene, view: RecordView, route: Route, method: str, actor: Actor, target: str
) -> Iterator[Attempt]:
    yield Attempt(url_for(route.endpoint), _view_rule(view), what="counts")


def _details(
    scene: Scene, view: RecordView, route: Route, method: str, actor: Actor, target: str
) -> Iterator[Attempt]:
    yield Attempt(_with_id(scene, view, route, target), _view_rule(view, row=True), view.model)


def _edit(
    scene: Scene, view: RecordView, route: Route, method: str, actor: Actor, target: str
) -> Iterator[Attempt]:
    rule = _view_rule(view, view.permissions.edit, row=True)
    address = _with_id(scene, view, route, target)
    if method == "GET":
        yield Attempt(address, rule, view.model)
    else:
        yield Attempt(address, rule, view.model, edit_form(scene, view, actor, target))


def _create(
    scene: Scene, view: RecordView, route: Route, method: str, actor: Actor, target: str
) -> Iterator[Attempt]:
    models = _referred(view) if view.permissions.create else {}
    if method == "GET":
        keys = {name: key_text(scene, model, target) for name, model in models.items()}
        keys |= {name.removesuffix("_id"): key for name, key in keys.items()}
        yield Attempt(
            url_for(route.endpoint, **keys),
            _view_rule(view, view.permissions.create),
            what="proposed references",
        )
        return
    narrowed = [model for model in models.values() if not _is_open(model)]
    rule = _view_rule(view, view.permissions.create, row=bool(narrowed), otherwise=REFUSED)
    yield Attempt(url_for(route.endpoint), rule, data=create_form(scene, view, actor, target))


def _delete(
    scene: Scene, view: RecordView, route: Route, method: str, actor: Actor, target: str
) -> Iterator[Attempt]:
    rule = _view_rule(view, view.permissions.delete, row=True)
    if method == "GET":
        yield Attempt(_with_id(scene, view, route, target), rule, view.model)
    else:
        yield Attempt(url_for(route.endpoint), rule, view.model, {"id": key_text(scene, view.model, target)})


def _reveal(
    scene: Scene, view: RecordView, route: Route, method: str, actor: Actor, target: str
) -> Iterator[Attempt]:
    rule = _view_rule(view, "personal.reveal", row=True)
    yield Attempt(_with_id(scene, view, route, target), rule, view.model, {"reason": REASON})


def _action(
    scene: Scene, view: RecordView, route: Route, method: str, actor: Actor, target: str
) -> Iterator[Attempt]:
    """Mix the target's row with one that the actor sees: all or nothing."""
    mine = sorted(actor.sees)[0] if actor.sees else "own"
    rows = list(dict.fromkeys([key_text(scene, view.model, mine), key_text(scene, view.model, target)]))
    steps = view.workflow.transitions if view.workflow is not None else ()
    moves = {f"move-{step.code}": step.permission or view.permissions.view for step in steps if step.bulk}
    for name, permission in {**view.actions_declared, **moves}.items():
        yield Attempt(
            url_for(route.endpoint),
            _view_rule(view, permission, row=True),
            view.model,
            {"action": name, "rowid": rows, "confirmed": "1", **STEP_FIELDS},
            what=name,
        )
    undeclared = "delete" if "delete" not in view.actions_declared else "no_such_action"
    yield Attempt(
        url_for(route.endpoint),
        _view_rule(view, granted=NOT_FOUND),
        view.model,
        {"action": undeclared, "rowid": rows, "confirmed": "1"},
        what="undeclared",
    )


STEP_FIELDS = {
    "comment": REASON,
    "fix_measure": "made good",
    "closing_reason": "Probe",
    "recheck_note": "Probe",
    "reply_text": "made good",
    "receiver_name": "Probe",
    "penalty_note": "Probe",
    "deadline": "2199-01-02T10:00",
    "repair_reference": "Probe",
}
"""What the forms of steps are sent with; each takes what it asks for."""


def _transition(
    scene: Scene, view: RecordView, route: Route, method: str, actor: Actor, target: str
) -> Iterator[Attempt]:
    """Take every step of the row. Whether its state allows it is no matter of rights."""
    for step in view.workflow.transitions:
        rule = _view_rule(view, row=True, late=(step.permission or view.permissions.view,))
        # What is not offered is not found, whoever asks for it.
        if not step.offered:
            rule = _view_rule(view, row=True, granted=NOT_FOUND)
        yield Attempt(
            _with_id(scene, view, route, target),
            rule,
            view.model,
            {"transition": step.code, **STEP_FIELDS},
            what=step.code,
        )
    unknown = _view_rule(view, row=True, granted=NOT_FOUND)
    yield Attempt(
        _with_id(scene, view, route, target),
        unknown,
        view.model,
        {"transition": "no_such_step"},
        what="unknown",
    )


def _lookup(
    scene: Scene, view: RecordView, route: Route, method: str, actor: Actor, target: str
) -> Iterator[Attempt]:
    term = scene.records.canary(target)[:2] if target in PROJECTS else MALFORMED_KEY
    for name in view.references:
        parent = key_text(scene, Project, target)
        address = url_for(route.endpoint, name=name, query=term, parent=parent, limit=-1)
        rule = _view_rule(view, one_of=(view.permissions.create, view.permissions.edit))
        if name not in view.form_columns:
            rule = _view_rule(view, granted=NOT_FOUND)
        elif name in view.field_permissions:
            rule = _view_rule(view, one_of=rule.one_of, hidden=(view.field_permissions[name],))
        yield Attempt(address, rule, what=name)
    for each in view.filters:
        if isinstance(each, ReferenceFilter):
            address = url_for(route.endpoint, name=f"filter:{each.column}", query=term, limit=999999)
            hidden = (each.permission,) if each.permission else ()
            yield Attempt(address, _view_rule(view, hidden=hidden), what=f"filter {each.column}")
    yield Attempt(
        url_for(route.endpoint, name="no_such_reference"), _view_rule(view, granted=NOT_FOUND), what="unknown"
    )


def _ajax_update(
    scene: Scene, view: RecordView, route: Route, method: str, actor: Actor, target: str
) -> Iterator[Attempt]:
    data = {"list_form_pk": key_text(scene, view.model, target), "name": "x"}
    yield Attempt(
        url_for(route.endpoint), _view_rule(view, view.permissions.edit, granted=NOT_FOUND), data=data
    )


def _export(
    scene: Scene, view: RecordView, route: Route, method: str, actor: Actor, target: str
) -> Iterator[Attempt]:
    rule = _view_rule(view, view.permissions.export)
    narrowing = {
        each.arguments[0]: key_text(scene, each.target(view).model, target)
        for each in view.filters
        if isinstance(each, ReferenceFilter)
    }
    if route.arguments:
        for file_format in ("csv", "xlsx"):
            for whose in ("own", "stolen"):
                ticket = _ticket(scene, view, actor, file_format, whose == "stolen")
                led_back = whose == "stolen" and actor.account != "admin"
                granted = _view_rule(view, view.permissions.export, granted=LED_BACK if led_back else OK)
                address = url_for(route.endpoint, export_type=file_format, ticket=ticket)
                yield Attempt(address, granted, what=f"{file_format}, {whose} ticket")
    elif method == "GET":
        yield Attempt(url_for(route.endpoint, **narrowing), rule)
    else:
        data = {"columns": list(view.column_export_list), "format": "csv", "reason": REASON}
        yield Attempt(url_for(route.endpoint, **narrowing), rule, data=data)


def _ticket(scene: Scene, view: RecordView, actor: Actor, file_format: str, stolen: bool) -> str:
    """Return the ticket that the actor would be given, or one that was given to the administrator."""
    from core.admin.exporting import make_ticket

    whose = "admin" if stolen or actor.account is None else actor.account
    place = (
        "region"
        if whose == "admin"
        else {"sibling": "sibling_group", "other": "other_city"}.get(whose, "group")
    )
    with use_scope(Scope(scene.accounts[whose], scene.world.departments[place])):
        return make_ticket(view, file_format, view.column_export_list, {})


def _further(
    scene: Scene, view: RecordView, route: Route, method: str, actor: Actor, target: str
) -> Iterator[Attempt]:
    """Try a function that the view itself exposes: the row is named in the address and in the form."""
    mark = required_permission(getattr(type(view), route.endpoint.rpartition(".")[2]))
    if mark is None:
        raise Unfillable(f"{route.endpoint} declares no permission.")
    needs = () if isinstance(mark, Public) else (mark,)
    key = key_text(scene, view.model, target)
    address = url_for(route.endpoint, id=key)
    forms = (
        FURTHER_FORMS.get(route.endpoint, lambda _scene, _target: [{}])(scene, target)
        if method == "POST"
        else [{}]
    )
    for form in forms:
        yield Attempt(
            address,
            _view_rule(view, *needs, row=True),
            view.model,
            {"id": key, **form} if method == "POST" else {},
        )


OF_VIEWS: dict[str, Callable[..., Iterator[Attempt]]] = {
    "index_view": _index,
    "counts_view": _counts,
    "figures_view": _counts,
    "details_view": _details,
    "edit_view": _edit,
    "create_view": _create,
    "delete_view": _delete,
    "reveal_view": _reveal,
    "action_view": _action,
    "transition_view": _transition,
    "ajax_lookup": _lookup,
    "ajax_update": _ajax_update,
    "export": _export,
}


def _with_id(scene: Scene, view: RecordView, route: Route, target: str) -> str:
    return url_for(route.endpoint, id=key_text(scene, view.model, target))


# --- Forms as an insider would send them


def _is_open(model: Any) -> bool:
    from tests.integration.authorisation.records import is_unscoped

    return is_unscoped(model)


def _referred(view: RecordView) -> dict[str, Any]:
    """Return the models that the references of a new record refer to, by field."""
    form = view._forms[True, False]
    found = {}
    for name in view.form_columns:
        unbound = getattr(form, name)
        if issubclass(unbound.field_class, (ReferenceField, ReferenceListField)):
            found[name] = unbound.kwargs["reference"].model
    return found


def create_form(scene: Scene, view: RecordView, actor: Actor, target: str) -> dict[str, Any]:
    """Return a filled form of a new record in a project."""
    if not view.form_columns or not view.permissions.create:
        return {NONCE: secrets.token_urlsafe(32)}
    data = _filled(scene, view, view._forms[True, False](None), target)
    return {**data, NONCE: secrets.token_urlsafe(32)}


def edit_form(scene: Scene, view: RecordView, actor: Actor, target: str) -> dict[str, Any]:
    """Return the form of a record as who sees everything would be shown it, with its true version."""
    if not view.form_columns or (False, False) not in view._forms or target not in PROJECTS:
        return {VERSION: "1"}
    with use_scope(SYSTEM):
        record = db.session.get(view.model, scene.records.key(view.model, target))
        form = view._forms[False, False](None, obj=record)
        data: dict[str, Any] = {}
        for name, each in form._fields.items():
            value = _sent(each)
            if value is not None:
                data[name] = value
        data[VERSION] = version_of(record, view.form_columns)
        db.session.expire_all()
    return _without_secrets(scene, actor, data)


def _sent(each: Any) -> Any:
    if isinstance(each, BooleanField):
        return "y" if each.data else None
    if isinstance(each, ReferenceListField):
        return [str(record.id) for record in each.data or ()]
    if isinstance(each, SelectMultipleField):
        return [str(getattr(value, "id", value)) for value in each.data or ()]
    if isinstance(each, (ReferenceField, SelectField)):
        return "" if each.data is None else str(each.data)
    if isinstance(each, FieldList) or not hasattr(each, "_value"):
        return None
    return each._value()


def _filled(scene: Scene, view: RecordView, form: Any, target: str) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for name, each in form._fields.items():
        if isinstance(each, (ReferenceField, ReferenceListField)):
            data[name] = key_text(scene, each.reference.model, target)
        elif isinstance(each, SelectMultipleField):
            data[name] = []
        elif isinstance(each, SelectField):
            choices = each.choices() if callable(each.choices) else each.choices or ()
            values = [str(choice.value if hasattr(choice, "value") else choice[0]) for choice in choices]
            data[name] = next((value for value in values if value), "")
        elif not isinstance(each, BooleanField):
            data[name] = TYPED.get(
                (view.endpoint, name),
                TYPED.get(("", name), _TYPED_BY_FIELD.get(type(each).__name__, "Probe")),
            )
    return data


_TYPED_BY_FIELD = {
    "IntegerField": "7",
    "DecimalField": "7",
    "DateField": "2026-01-02",
    "LocalDateTimeField": "2026-01-02T10:00",
    "PasswordField": PASSWORD,
}
TYPED: dict[tuple[str, str], str] = {
    ("", "code"): "PRB7",
    ("contractors_trades", "code"): "probe_trade",
    ("", "email"): "probe@test.example",
    ("", "phone"): "13811112222",
    ("", "warranty_phone"): "4008001234",
    ("", "identity_number"): "",
    ("", "identity_type"): "",
    ("", "credit_code"): "",
    ("", "net_area"): "6",
    ("users", "phone"): "",
    ("", "number"): "1801",
    ("", "value"): "13811112222",
    ("", "share_percent"): "",
}
"""What is typed into fields that take not any text; by view and field, or by field alone."""


def _without_secrets(scene: Scene, actor: Actor, data: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a form what the actor may not be told: it would come back as what he typed himself."""
    hidden = [text.decode() for text in scene.forbidden(actor).values()]
    cleaned = {}
    for name, value in data.items():
        for text in hidden if isinstance(value, str) else ():
            value = value.replace(text, "" if "phone" in name or name == "value" else "Probe")
        cleaned[name] = value
    return cleaned


def _of_department(scene: Scene, target: str) -> str:
    return key_text(scene, Department, target)


def _membership(scene: Scene, target: str) -> str:
    user_id = scene.records.key(User, target if target in PROJECTS else "own")
    return str(db.session.query(Membership.id).filter(Membership.user_id == user_id).scalar())


def _place_model() -> Any:
    from plugins.handover.models import HandoverUnit

    return HandoverUnit


def _approval_task(scene: Scene, target: str) -> str:
    from core.machinery.approvals.models import ApprovalTask

    return key_text(scene, ApprovalTask, target)


FURTHER_FORMS: dict[str, Callable[[Scene, str], list[dict[str, Any]]]] = {
    "messages.decide": lambda scene, target: [
        {"verdict": "again", "reason": REASON},
        {"verdict": "sent", "reason": REASON},
    ],
    "users.grant_view": lambda scene, target: [
        {"department_id": _of_department(scene, target), "role_id": scene.world.roles["nobody"]},
        {"department_id": scene.world.departments["region"], "role_id": scene.world.roles["admin"]},
    ],
    "users.revoke_view": lambda scene, target: [{"membership_id": _membership(scene, target)}],
    "users.activate_view": lambda scene, target: [{"active": "0"}, {"active": "1"}],
    "users.password_view": lambda scene, target: [{"password": "seven-Lanterns-drift-90"}],
    "roles.permissions_view": lambda scene, target: [{"permission": ["people.view", "audit.view"]}],
    "handover_batches.add_building": lambda scene, target: [
        {"building_id": key_text(scene, Building, target)}
    ],
    "handover_batches.send_letters": lambda scene, target: [
        {"place": key_text(scene, _place_model(), target), "kind": "notice", "by_letter": "1"}
    ],
    "handover_units.contact": lambda scene, target: [{"means": "phone", "note": "Probe"}],
    "handover_units.book": lambda scene, target: [
        {"slot": key_text(scene, _model("plugins.reservations.models", "Slot")(), target), "guests": "2"},
        {"booked_for": "2099-01-01T10:00", "engineer_id": key_text(scene, User, target)},
    ],
    "handover_units.cancel_booking": lambda scene, target: [{"reason": REASON}],
    "handover_units.engineer": lambda scene, target: [{"engineer_id": key_text(scene, User, target)}],
    "handover_units.tracking": lambda scene, target: [{"letter_id": "1", "tracking_number": "EMS1"}],
    "todos.finish": lambda scene, target: [{"note": REASON}, {"note": REASON, "skipped": "1"}],
    "todos.hand_on": lambda scene, target: [
        {
            "owner_id": key_text(scene, User, target),
            "department_id": _of_department(scene, target),
            "role": "",
        }
    ],
    "promises.settle": lambda scene, target: [{"state": "kept", "how": REASON}],
    "approvals.answer": lambda scene, target: [
        {"task": _approval_task(scene, target), "verdict": verdict, "opinion": "Probe"}
        for verdict in ("approve", "reject")
    ],
    "approvals.withdraw": lambda scene, target: [{"reason": REASON}],
    "handover_forms.cancel": lambda scene, target: [{"reason": REASON}],
    "handover_notices.answer_objection": lambda scene, target: [
        {
            "defect_id": key_text(scene, _model("plugins.handover.models", "Defect")(), target),
            "answer": "Probe",
            "upheld": "0",
        }
    ],
    "handover_inspections.cancel": lambda scene, target: [{"reason": REASON}],
    "warranty_orders.do": lambda scene, target: [{"deed": "remark", "text": "Probe"}],
    "warranty_parts.move": lambda scene, target: [{"quantity": "1", "direction": "in"}],
    "warranty_retention.book": lambda scene, target: [{"deed": "deposit", "amount": "1", "note": "Probe"}],
}
"""Forms of functions that a view exposes besides those of every view, by endpoint."""


# --- Pages and blueprints


def _marked(scene: Scene, route: Route) -> tuple[str | None, ...]:
    """Return the permission that the function of a route, or that of its view's class, is marked with."""
    owner, _dot, function = route.endpoint.rpartition(".")
    view = scene.views.get(owner)
    subject = (
        getattr(type(view), function)
        if isinstance(view, PageView)
        else scene.app.view_functions[route.endpoint]
    )
    mark = required_permission(subject)
    if mark is None:
        raise Unfillable(f"{route.endpoint} declares no permission.")
    return () if isinstance(mark, Public) else (mark,)


KINDS_OF_ARGUMENTS: dict[str, Callable[[], Any]] = {}
"""The model whose key an argument of an address carries, by ``<blueprint>.<argument>``; filled below."""


def _model(module: str, name: str) -> Callable[[], Any]:
    def load() -> Any:
        from importlib import import_module

        return getattr(import_module(module), name)

    return load


KINDS_OF_ARGUMENTS |= {
    "handover.inspection_id": _model("plugins.handover.models", "Inspection"),
    "handover.result_id": _model("plugins.handover.models", "InspectionResult"),
    "handover.room_id": _model("plugins.handover.models", "InspectionRoom"),
    "handover.defect_id": _model("plugins.handover.models", "Defect"),
    "handover_day.defect_id": _model("plugins.handover.models", "Defect"),
    "handover_day.place_id": _model("plugins.handover.models", "HandoverUnit"),
    "documents.document_id": lambda: IssuedDocument,
    "warranty.order_id": _model("plugins.warranty.models", "Order"),
}


def _of_blueprint(scene: Scene, route: Route, method: str, target: str) -> Iterator[Attempt]:
    """Try a page whose address carries the keys of rows."""
    needs = _marked(scene, route)
    if not needs:
        raise Unfillable(f"{route.endpoint} is public; add it to PUBLIC or SPECIAL of attempts.py.")
    blueprint = route.endpoint.partition(".")[0]
    if not route.arguments:
        if route.endpoint not in PLAIN:
            raise Unfillable(f"{route.endpoint} has no arguments; add it to PLAIN or SPECIAL of attempts.py.")
        yield Attempt(url_for(route.endpoint), Rule(needs))
        return
    keys, model = {}, None
    for argument in sorted(route.arguments):
        kind = KINDS_OF_ARGUMENTS.get(f"{blueprint}.{argument}")
        if kind is None:
            raise Unfillable(
                f"Say in KINDS_OF_ARGUMENTS of attempts.py which model {blueprint}.{argument} is the key of."
            )
        model = kind()
        keys[argument] = (
            MISSING_KEY
            if target == MISSING
            else "7x"
            if target == MALFORMED
            else scene.records.key(model, target)
        )
    form = BLUEPRINT_FORMS.get(route.endpoint, {}) if method == "POST" else {}
    rule = Rule(needs, row=True)
    if target == MALFORMED:
        # The address fits no route, so that not even the sign-in page is offered.
        rule = Rule(granted=NOT_FOUND, staff=False)
    yield Attempt(_address(route, keys), rule, model, form)
    own = {**keys}
    if len(keys) > 1 and target in PROJECTS:
        # The first key is one's own, the others are not: a child must hang on the parent that is named.
        for argument in sorted(keys):
            if argument != "inspection_id":
                own["inspection_id"] = scene.records.key(
                    KINDS_OF_ARGUMENTS["handover.inspection_id"](), "own"
                )
        yield Attempt(
            _address(route, own),
            Rule(needs, row=True, granted=ANY if target != "own" else OK),
            model,
            form,
            what="own parent",
        )


BLUEPRINT_FORMS: dict[str, dict[str, Any]] = {
    "handover.record": {"verdict": "pass"},
    "handover.rest": {"verdict": "pass"},
    "handover.add_room": {"kind": "BTH", "name": "Probe"},
    "handover.add_defect": {"client_key": "probe-0001", "description": "Probe"},
    "handover.change_defect": {"description": "Probe"},
    "handover.recheck": {"verdict": "fail", "note": "Probe"},
    "handover_day.identity": {"attorney_name": ""},
    "handover_day.send": {"station": "inspection"},
    "handover_day.refuse": {"refusal_reason": "R1", "note": "Probe"},
    "handover_day.reply": {"reply": "Probe"},
    "handover_day.prepare": {"version": "2026-1"},
    "handover_day.sign": {"signed_by": "Probe"},
    "handover_day.add_fee": {"kind": "parking", "amount": "100", "basis": "Probe"},
    "handover_day.pay": {"fee_id": "1", "receipt_number": "Probe"},
    "handover_day.exempt": {"reason": "Probe"},
    "handover_day.register_keys": {"kind": "entry", "quantity": "2", "bag_number": "B1"},
    "handover_day.lend_keys": {"borrower": "Probe", "purpose": "Probe", "days": "1"},
    "handover_day.take_keys_back": {"bag_number": "B2"},
    "handover_day.hand_keys": {"receiver": "Probe"},
    "handover_day.prepare_form": {"form": "key_receipt"},
    "handover_day.prepare_waiver": {"reason": "Probe"},
    "handover_day.correct_fee": {"fee_id": "1", "amount": "1", "why": "Probe"},
    "handover_day.cancel_fee": {"fee_id": "1", "why": "Probe"},
    "handover_day.reopen_fee": {"fee_id": "1", "why": "Probe"},
    "handover_day.lift_exemption": {"why": "Probe"},
    "handover_day.correct_paper": {"paper_id": "1", "version": "2", "why": "Probe"},
    "handover_day.withdraw_paper": {"paper_id": "1", "why": "Probe"},
    "handover_day.take_signature_back": {"paper_id": "1", "why": "Probe"},
    "handover.finish_now": {"step": "save", "weather": "sunny"},
    "warranty.deed": {"deed": "attempt", "text": "Probe"},
    "warranty.photos": {"slot": "before"},
    "warranty.step": {"step": "contact", "contact_note": "Probe"},
}


def _address(route: Route, keys: Mapping[str, Any]) -> str:
    built = route.rule
    for converter, name in _arguments(route):
        built = built.replace(converter, str(keys[name]))
    return built


def _arguments(route: Route) -> Iterator[tuple[str, str]]:
    import re

    for found in re.finditer(r"<(?:[^<>]*:)?(\w+)>", route.rule):
        yield found[0], found[1]


PLAIN = {
    "approvals_inbox.index",
    "handover.index",
    "handover_day.index",
    "health.index",
    "touchpoints.index",
    "warranty.index",
    "warranty_board.index",
    "warranty_categories.index",
    "warranty_figures.index",
}
"""Pages that name no row at all."""

PUBLIC: dict[str, str] = {
    "http_favicon": "a picture",
    "http_healthz": "load balancers ask; it tells nothing of the data",
    "http_robots": "search engines ask",
    "shell.root": "leads to the back office",
    "shell.choose_appearance": "kept in the browser alone",
    "shell.choose_language": "the sign-in page offers both languages",
    "links.arrive": "whoever holds a link; the token has 192 random bits",
    "links.enter": "whoever holds a link; five tries of the second fact",
    "links.leave": "takes a cookie away",
    "message_reports.sms": "a gateway reports; each report is signed",
    "verification.enter": "whoever holds a printed document may check it",
    "verification.verify": "whoever holds a printed document may check it; the code has 104 random bits",
    "security.login": "signing in",
    "security.logout": "signing out",
    "security.change_password": "the own password; asks for sign-in itself",
    "security.forgot_password": "the way back in",
    "security.reset_password": "the way back in, by a personal link",
    "security.mf_recovery": "signing in without the phone",
    "security.mf_recovery_codes": "the own recovery codes; asks for sign-in itself",
    "security.tf_select": "signing in",
    "security.two_factor_rescue": "signing in without the phone",
    "security.two_factor_setup": "the own second factor; asks for sign-in itself",
    "security.two_factor_setup_validate": "the own second factor; asks for sign-in itself",
    "security.two_factor_token_validation": "signing in",
    "security.verify": "the password again; asks for sign-in itself",
}
"""Routes that need no permission, by intention, with the reason. A public route that is not listed fails the matrix."""


def _public(route: Route, target: str) -> Iterator[Attempt]:
    number = str(1 + TARGETS.index(target))
    keys = {
        name: number if converter.startswith("<int") else f"probe-{target}"
        for converter, name in _arguments(route)
    }
    yield Attempt(_address(route, keys), Rule(granted=ANY, staff=False))


def _staff_only(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """The home page and the own account: for every member of staff."""
    data = {"locale": "en"} if method == "POST" else {}
    yield Attempt(url_for(route.endpoint), Rule(), data=data)


def _search(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    queries = ["1-1-101", "101"]
    if target in PROJECTS:
        rows = getattr(scene.world, target)
        queries = [rows.canary[:2], rows.canary[:5], "1-1-101", rows.phones[0][-4:], rows.canary[-3:].lower()]
    for query in queries:
        yield Attempt(url_for(route.endpoint, q=query), Rule(), what=query)


def _choose_department(
    scene: Scene, route: Route, method: str, actor: Actor, target: str
) -> Iterator[Attempt]:
    granted = OK if target in PROJECTS else ANY
    yield Attempt(
        url_for(route.endpoint),
        Rule(row=True, otherwise=REFUSED, granted=granted),
        Department,
        {"department_id": _of_department(scene, target)},
    )


def _modules(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    slug = scene.plugins[-1]
    data = {"module": slug, "department": _of_department(scene, target), "to": "off"}
    rule = Rule(_marked(scene, route), row=True)
    if method == "GET":
        yield Attempt(url_for(route.endpoint, module=slug, department=data["department"]), rule, Department)
    else:
        yield Attempt(url_for(route.endpoint), rule, Department, data)


def _erase_module(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """Erasing concerns all departments: only who acts above all of them gets as far as the form."""
    address = url_for(route.endpoint, module=scene.plugins[-1])
    granted = OK if actor.sees == frozenset(PROJECTS) else FORBIDDEN
    # The slug is mistyped, so that the form comes back.
    data = {"typed_slug": "mistyped", "reason": REASON} if method == "POST" else {}
    yield Attempt(address, Rule(_marked(scene, route), granted=granted), data=data)


def _settings(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    declared = current_runtime().declared
    component = declared.components_with_settings()[0]
    setting = declared.settings(component)[0]
    value = "0" if isinstance(setting.default, bool) else str(setting.default)
    data = {f"own-{setting.key}": "1", f"value-{setting.key}": value} if method == "POST" else {}
    address = url_for(route.endpoint, component=component, department=_of_department(scene, target))
    yield Attempt(address, Rule(_marked(scene, route), row=True), Department, data)


def _file(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    key = {MISSING: MISSING_KEY, MALFORMED: "7x"}.get(target) or str(scene.attachments[target])
    edit = "projects.edit" if route.endpoint == "files.remove" else None
    rule = Rule(hidden=("projects.view",), late=(edit,) if edit else (), row=True, staff=False)
    yield Attempt(_address(route, {"attachment_id": key}), _of_staff(rule, actor), Unit)


def _markup(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """Draw on the photo of a house."""
    key = {MISSING: MISSING_KEY, MALFORMED: "7x"}.get(target) or str(scene.attachments[target])
    rule = Rule(hidden=("projects.view",), late=("projects.edit",), row=True, staff=False)
    data = {"shapes": "[]", "version": "0"} if method == "POST" else {}
    yield Attempt(_address(route, {"attachment_id": key}), _of_staff(rule, actor), Unit, data)


def _desk(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """The desk of reservations: a project, or a booking and the slot that it is moved to."""
    from plugins.reservations.models import Booking, Slot

    needs, function = _marked(scene, route), route.endpoint.rpartition(".")[2]
    view = "reservations.view"
    if function in {"index", "week", "plan"}:
        yield Attempt(
            url_for(route.endpoint, project=key_text(scene, Project, target)),
            Rule((view, *needs), row=True),
            Project,
        )
        return
    booking = key_text(scene, Booking, target)
    data = {"slot": key_text(scene, Slot, target), "step": "arrive"} if method == "POST" else {}
    yield Attempt(url_for(route.endpoint, id=booking), Rule((view, *needs), row=True), Booking, data)
    if function == "move" and method == "POST":
        own = scene.records.key(Booking, sorted(actor.sees)[0] if actor.sees else "own")
        yield Attempt(
            url_for(route.endpoint, id=own), Rule((view, *needs), row=True), Slot, data, what="foreign slot"
        )


def _of_staff(rule: Rule, actor: Actor) -> Rule:
    """Return what a public route needs that answers visitors like those who do not see the row."""
    return rule if actor.account is not None else Rule(granted=NOT_FOUND, staff=False)


def _upload(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """Hang a file on a record of every kind."""
    for kind in current_runtime().declared.record_kinds():
        rule = Rule(hidden=(kind.view_permission,), late=(kind.edit_permission,), row=True, staff=False)
        data = {"record_kind": kind.code, "record_id": key_text(scene, kind.model, target)}
        yield Attempt(
            url_for(route.endpoint), _of_staff(rule, actor), kind.model, data, files="file", what=kind.code
        )


def _document(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """Preview or issue a document of every type for a record of its kind."""
    declared = current_runtime().declared
    for document in declared.document_types(enabled_only=False):
        kind = declared.record_kind(document.record_kind)
        assert kind is not None
        key = "7x" if target == MALFORMED else key_text(scene, kind.model, target)
        late = [document.permission]
        if route.endpoint == "documents.issue":
            late.append(document.issue_permission or "nobody")
        rule = Rule(hidden=(kind.view_permission,), late=tuple(late), row=True, staff=False)
        address = _address(
            route, {"code": document.code, "record_id": key, "language": document.languages[0]}
        )
        data = {"language": document.languages[0]} if method == "POST" else {}
        yield Attempt(address, _of_staff(rule, actor), kind.model, data, what=document.code)


def _batch(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """Ask for a batch of ticked houses, of those of a building and of a list, and start it."""
    needs = ("documents.print_batch", "projects.view")
    rows, by_list = (Rule(needs, hidden=("customers.print_letters",), row=is_row) for is_row in (True, False))
    address = url_for(route.endpoint, kind="core.unit")
    wanted = {
        "document": "core.welcome_letter",
        "language": "en",
        "mode": "issue" if target == "own" else "preview",
        "nonce": "authorisation-matrix-of-batches",
    }
    if "customers.issue_letters" not in scene.held(actor):
        wanted["mode"] = "preview"
    asked = wanted if method == "POST" else {}
    unit, building = key_text(scene, Unit, target), key_text(scene, Building, target)
    for what, chosen, rule in (
        ("ticked rows", {"rowid": unit}, rows),
        ("below a building", {"below": f"core.building:{building}"}, rows),
        ("a list", {"view": "units"}, by_list),
    ):
        if method == "POST":
            yield Attempt(address, rule, None, {**chosen, **asked}, what=what)
        else:
            yield Attempt(url_for(route.endpoint, kind="core.unit", **chosen), rule, what=what)
    hidden = Rule(("documents.print_batch", "customers.view"), granted=NOT_FOUND)
    yield Attempt(
        url_for(route.endpoint, kind="core.contact", view="customer_contacts"), hidden, what="no document"
    )


def _issued(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    key = {MISSING: MISSING_KEY, MALFORMED: "7x"}.get(target) or str(scene.documents[target])
    if route.endpoint == "documents.download":
        rule = _of_staff(Rule(hidden=("documents.view",), row=True, staff=False), actor)
    elif target == MALFORMED:
        rule = Rule(granted=NOT_FOUND, staff=False)
    else:
        rule = Rule(_marked(scene, route), hidden=("documents.view",), row=True)
    data = {"reason": REASON} if method == "POST" else {}
    yield Attempt(_address(route, {"document_id": key}), rule, IssuedDocument, data)


def _signing(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """Hold out the pad for a record of every kind, and add a supplement to it."""
    declared = current_runtime().declared
    signables = {
        item.record_kind: item
        for slug in declared.components()
        for item in declared.of(slug).get("signables", ())
    }
    for kind in declared.record_kinds():
        signable = signables.get(kind.code)
        key = "7x" if target == MALFORMED else key_text(scene, kind.model, target)
        values = {"kind_code": kind.code, "record_id": key}
        if "role" in route.arguments:
            values["role"] = next(iter(signable.roles)) if signable else "owner"
        rule = Rule(granted=NOT_FOUND, staff=False)
        if signable is not None:
            late = signable.sign_permission if "role" in route.arguments else signable.supplement_permission
            rule = _of_staff(Rule(hidden=(kind.view_permission,), late=(late,), row=True, staff=False), actor)
        data = {"name": "x", "typed": "1", "key": secrets.token_hex(8), "reason": REASON}
        yield Attempt(
            _address(route, values), rule, kind.model, data if method == "POST" else {}, what=kind.code
        )


def _signature_picture(
    scene: Scene, route: Route, method: str, actor: Actor, target: str
) -> Iterator[Attempt]:
    key = {MISSING: MISSING_KEY, MALFORMED: "7x"}.get(target) or str(scene.signatures[target])
    rule = Rule(hidden=("projects.view",), late=("personal.view",), row=True, staff=False)
    yield Attempt(_address(route, {"signature_id": key}), _of_staff(rule, actor), Unit)


def _timeline(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    for kind in current_runtime().declared.record_kinds():
        if kind.code in {"core.customer", "core.unit"}:
            rule = Rule(_marked(scene, route), hidden=(kind.view_permission,), row=True)
            address = url_for(route.endpoint, kind=kind.code, id=key_text(scene, kind.model, target))
            yield Attempt(address, rule, kind.model, what=kind.code)
        else:
            address = url_for(route.endpoint, kind=kind.code, id=key_text(scene, kind.model, target))
            yield Attempt(address, Rule(_marked(scene, route), granted=NOT_FOUND), what=kind.code)


def _touchpoint(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    from core.timeline.models import Touchpoint

    code = target
    if target in PROJECTS:
        code = db.session.get_one(Touchpoint, scene.records.key(Touchpoint, target)).code
    data = {"code": code, "row_version": "0", "active": "y", "owner_role": "ENG"} if method == "POST" else {}
    yield Attempt(url_for(route.endpoint, code=code), Rule(_marked(scene, route), row=True), Touchpoint, data)


def _unit_import(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    yield Attempt(
        url_for(route.endpoint, project=key_text(scene, Project, target)), Rule(_marked(scene, route))
    )


def _imports(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """Imports of customers: beside the right to the pages, each needs the right that its declaration names."""
    from core.machinery.exchange.models import ImportBatch

    needs, function, kind = _marked(scene, route), route.endpoint.rpartition(".")[2], "core.customers"
    rights = (*needs, "import.customers")
    project = key_text(scene, Project, target)
    if function == "index":
        yield Attempt(url_for(route.endpoint), Rule(needs))
    elif function == "lookup":
        term = scene.records.canary(target)[:2] if target in PROJECTS else ""
        yield Attempt(url_for(route.endpoint, kind=kind, name="project_id", query=term), Rule(rights))
    elif function == "template":
        yield Attempt(url_for(route.endpoint, kind=kind), Rule(rights))
    elif function == "start":
        address = url_for(route.endpoint, kind=kind, project=project)
        data = {"project_id": project, "match": "phone", "mode": "both"}
        refused = Attempt(address, Rule(rights, granted=REFUSED), data=data, files="file")
        yield Attempt(address, Rule(rights)) if method == "GET" else refused
    else:
        key = key_text(scene, ImportBatch, target)
        rule = Rule(needs, row=True, late=("import.customers",))
        arguments = {"row": "500"} if function == "row" else {}
        if method == "GET" or function in ("columns", "row"):
            data = {"c0-0": "name", "f-name": "Probe"} if method == "POST" else {}
            yield Attempt(url_for(route.endpoint, id=key, **arguments), rule, ImportBatch, data, private=True)
        else:
            yield Attempt(url_for(route.endpoint), rule, ImportBatch, {"id": key}, private=True)


def _matrix(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """The matrix of contractors: a project, a building, and a building to copy from."""
    needs, function = _marked(scene, route), route.endpoint.rpartition(".")[2]
    building = key_text(scene, Building, target)
    rule = Rule(needs, row=True)
    if function == "index":
        yield Attempt(
            url_for(route.endpoint, project=key_text(scene, Project, target)), rule, Project, what="project"
        )
        yield Attempt(
            url_for(route.endpoint, building=building),
            Rule(needs, row=True, granted=ANY),
            Building,
            what="building",
        )
    elif function == "copy":
        own = scene.records.key(Building, sorted(actor.sees)[0] if actor.sees else "own")
        yield Attempt(
            url_for(route.endpoint, building=building), rule, Building, {"source": str(own)}, what="into"
        )
        yield Attempt(
            url_for(route.endpoint, building=own), rule, Building, {"source": building}, what="from"
        )
    else:
        yield Attempt(url_for(route.endpoint, building=building), rule, Building)


def _warranty_records(
    scene: Scene, route: Route, method: str, actor: Actor, target: str
) -> Iterator[Attempt]:
    """The records behind a figure: the figure stands in the address, and the list is narrowed like any other."""
    del method, actor, target
    yield Attempt(url_for(route.endpoint, code="K13"), Rule(_marked(scene, route)))


def _warranty_house(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """Pages about a house that the address names; some also look for houses by their number."""
    needs = _marked(scene, route)
    forms = {
        "warranty_cover.deem": {"deemed_on": "2026-01-02", "reason": REASON},
        "warranty_caller.register": {"rows": "1", "fault_0": "lock", "reporter_name": "Probe"},
    }
    address = url_for(route.endpoint, unit=key_text(scene, Unit, target))
    yield Attempt(address, Rule(needs, row=True), Unit, forms.get(route.endpoint, {}))
    if route.endpoint in ("warranty_cover.index", "warranty_caller.index"):
        yield Attempt(url_for(route.endpoint, q="1-1-101"), Rule(needs), what="looking for a house")


def _job(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """The own jobs are everybody's; those of the department take a permission, and their files are the starter's."""
    function = route.endpoint.rpartition(".")[2]
    address = _address(
        route,
        {
            "job_id": MALFORMED_KEY if target == MALFORMED else key_text(scene, Job, target),
            "file_id": MALFORMED_KEY if target == MALFORMED else key_text(scene, JobFile, target),
        },
    )
    if target == MALFORMED:
        # The address fits no route, so that not even the sign-in page is offered.
        yield Attempt(address, Rule(granted=NOT_FOUND, staff=False))
        return
    is_starter = target in PROJECTS and actor.account == STAFF[target]
    others = {
        "download": Rule(row=True, granted=NOT_FOUND),
        "details": Rule(row=True, hidden=("jobs.view",)),
    }
    change = Rule(row=True, hidden=("jobs.view",), late=("jobs.manage",))
    own = Rule(row=True, hidden=("audit.view",) if function == "download" else ())
    yield Attempt(address, own if is_starter else others.get(function, change), Job)


def _jobs(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    key = key_text(scene, Job, target)
    yield Attempt(url_for(route.endpoint, ids=key, before=MISSING_KEY), Rule(), what="own")
    yield Attempt(url_for(route.endpoint, of="department", state="trouble"), Rule(), what="department")


def _audit_check(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    yield Attempt(url_for(route.endpoint), Rule(("audit.view",)))


def _work(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """Every part of “my work”, and the calendar of the year in which the records of the matrix lie."""
    needs = Rule(_marked(scene, route))
    if route.endpoint == "work.index":
        for name in TABS:
            yield Attempt(url_for(route.endpoint, show=name), needs, what=name)
    else:
        for view in VIEWS:
            yield Attempt(url_for(route.endpoint, view=view, day="2026-03-01"), needs, what=view)


def _assign(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """Give a touchpoint as a task for a unit and for a customer."""
    from core.customers.models import Customer
    from core.timeline.models import Touchpoint

    code = db.session.get_one(Touchpoint, scene.records.key(Touchpoint, "own")).code
    for kind, model, permission in (
        ("core.unit", Unit, "projects.view"),
        ("core.customer", Customer, "customers.view"),
    ):
        address = url_for(route.endpoint, kind=kind, id=key_text(scene, model, target), code=code)
        rule = Rule(_marked(scene, route), hidden=(permission,), row=True)
        data = {"title": "Probe", "role": ""} if method == "POST" else {}
        yield Attempt(address, rule, model, data, what=kind)


def _approval_tasks(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """Agree to an opinion beside others; none of them waits for whom the matrix knows, so that nothing is written."""
    from core.machinery.approvals.models import ApprovalTask

    rule = Rule(_marked(scene, route), row=True)
    yield Attempt(
        url_for(route.endpoint), rule, ApprovalTask, {"task": [key_text(scene, ApprovalTask, target)]}
    )


def _delegations(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """End what somebody else has set up: it is not found, by whoever is not the one who is away."""
    from core.machinery.approvals.models import ApprovalDelegation

    whose = {"own": "engineer", "sibling": "sibling", "foreign": "other"}.get(target)
    found = actor.account is not None and actor.account == whose
    yield Attempt(
        url_for(route.endpoint, id=key_text(scene, ApprovalDelegation, target)),
        Rule(_marked(scene, route), granted=OK if found else NOT_FOUND),
    )


def _stand_in(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    data = {"delegate_id": key_text(scene, User, target), "from_on": "2199-01-01", "until_on": "2199-01-02"}
    rule = Rule(_marked(scene, route), row=True, otherwise=REFUSED)
    yield Attempt(url_for(route.endpoint), rule, User, data)


def _without_row(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """A step of a view that names no row of it; a project in its form is only one that the actor sees."""
    view = scene.views[route.endpoint.rpartition(".")[0]]
    data = {"project_id": key_text(scene, Project, target)}
    yield Attempt(url_for(route.endpoint), _view_rule(view, *_marked(scene, route)), data=data)


def _link_page(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """The page of a link: without the pass of its visitor it opens for nobody, signed in or not."""
    key = {MISSING: MISSING_KEY, MALFORMED: "7x"}.get(target) or str(scene.links[target])
    data = {"receiver_name": "Probe"} if method == "POST" else {}
    yield Attempt(_address(route, {"link_id": key}), Rule(granted=NOT_FOUND, staff=False), data=data)


def _link_photo(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """A photo on the page of a link: without the pass of its visitor nobody sees it there, signed in or not."""
    other = {MISSING: MISSING_KEY, MALFORMED: "7x"}.get(target)
    keys = {
        "link_id": other or str(scene.links[target]),
        "attachment_id": other or str(scene.attachments[target]),
    }
    yield Attempt(_address(route, keys), Rule(granted=NOT_FOUND, staff=False))


def _link_desk(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """Make a link of every purpose for a record of its kind, revoke one, and print one that is no poster."""
    declared, function = current_runtime().declared, route.endpoint.rpartition(".")[2]
    if function == "make":
        for purpose in declared.link_purposes(enabled_only=False):
            kind = declared.record_kind(purpose.record_kind)
            assert kind is not None
            rule = Rule(hidden=(kind.view_permission,), late=(purpose.permission,), row=True, staff=False)
            data = {"purpose": purpose.code, "record_id": key_text(scene, kind.model, target), "what": "show"}
            yield Attempt(
                url_for(route.endpoint), _of_staff(rule, actor), kind.model, data, what=purpose.code
            )
        return
    key = {MISSING: MISSING_KEY, MALFORMED: "7x"}.get(target) or str(scene.links[target])
    granted = NOT_FOUND if function == "poster" else OK
    rule = Rule(
        hidden=("handover.view",), late=("handover.issue_notice",), granted=granted, row=True, staff=False
    )
    data = {"reason": REASON} if method == "POST" else {}
    yield Attempt(_address(route, {"link_id": key}), _of_staff(rule, actor), Unit, data)


def _write_to_all(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """Write to all customers of a filtered list: only those whom the actor sees are kept."""
    view = scene.views["customers"]
    text = scene.records.canary(target)[:2] if target in PROJECTS else "1,5"
    rule = Rule((view.permissions.view, "messages.send"))
    yield Attempt(url_for(route.endpoint, search=text), rule)


def _texts(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """The texts of messages: of a department, looked at with a customer."""
    from core.customers.models import Customer

    needs, function = _marked(scene, route), route.endpoint.rpartition(".")[2]
    if function == "index":
        yield Attempt(url_for(route.endpoint), Rule(needs))
    elif function == "lookup":
        term = scene.records.canary(target)[:2] if target in PROJECTS else ""
        yield Attempt(url_for(route.endpoint, name="customer_id", query=term), Rule(needs))
    else:
        chosen = {"code": "core.greeting", "language": "en"}
        department = _of_department(scene, target)
        if method == "GET":
            address = url_for(route.endpoint, **chosen, customer_id=key_text(scene, Customer, target))
            yield Attempt(address, Rule(needs, row=True), Customer, what="customer")
            address = url_for(route.endpoint, **chosen, department=department)
            yield Attempt(address, Rule(needs, row=True), Department, what="department")
        else:
            data = {"subject": "Probe", "body": "Probe {customer}", "department": department}
            late = ("messages.edit_texts",)
            yield Attempt(
                url_for(route.endpoint, **chosen), Rule(needs, row=True, late=late), Department, data
            )


def _compose(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """Writing to the customers of a draft: only who has made it."""
    from core.machinery.messages.models import MessageBatch

    key, needs = key_text(scene, MessageBatch, target), _marked(scene, route)
    data = {"id": key, "template": "core.greeting"} if method == "POST" else {}
    # The drafts of the scene are under way already: they lead who made them to their messages, and open for nobody.
    made_by = None
    if target in PROJECTS:
        made_by = db.session.get_one(MessageBatch, scene.records.key(MessageBatch, target)).user_id
    is_own = actor.account is not None and scene.accounts[actor.account] == made_by
    rule = Rule(needs, granted=LED_BACK if is_own else NOT_FOUND)
    yield Attempt(url_for(route.endpoint, id=key), rule, data=data)


def _tower(scene: Scene, route: Route, method: str, actor: Actor, target: str) -> Iterator[Attempt]:
    """The grid of a building, and of a batch in it: the address names both."""
    needs = _marked(scene, route)
    batch = _model("plugins.handover.models", "HandoverBatch")()
    for name, model in (("building", Building), ("batch", batch)):
        address = url_for(route.endpoint, **{name: key_text(scene, model, target)})
        yield Attempt(address, Rule(needs, row=True), model, what=name)


SPECIAL: dict[str, Callable[..., Iterator[Attempt]]] = {
    "handover_tower.index": _tower,
    "handover_contractor.notice": _link_page,
    "handover_owner.delivery": _link_page,
    "handover_plan_steps.own": _without_row,
    "handover_fee_rules.standard": _without_row,
    "reservations.choose": _link_page,
    "links.photo": _link_photo,
    "links.photo_thumbnail": _link_photo,
    **{
        f"warranty_owner.{name}": _link_page
        for name in ("repairs", "poster_of_building", "poster_of_project")
    },
    **{f"link_desk.{name}": _link_desk for name in ("make", "revoke", "poster")},
    "customers.write_to_all": _write_to_all,
    **{f"message_texts.{name}": _texts for name in ("index", "lookup", "edit")},
    "message_compose.index": _compose,
    **{f"jobs.{name}": _job for name in ("details", "cancel", "repeat", "download")},
    **{f"jobs.{name}": _jobs for name in ("index", "progress", "bell", "notice")},
    "audit_log.check": _audit_check,
    "admin.index": _staff_only,
    "account.index": _staff_only,
    "shell.counts": _staff_only,
    "search.results": _search,
    "search.suggestions": _search,
    "shell.choose_department": _choose_department,
    "modules.index": _modules,
    "modules.preview": _modules,
    "modules.switch": _modules,
    "modules.erase": _erase_module,
    "settings.index": _settings,
    "files.show": _file,
    "files.thumbnail": _file,
    "files.remove": _file,
    "files.upload": _upload,
    "files.markup": _markup,
    "files.save_markup": _markup,
    **{f"reservations_desk.{name}": _desk for name in ("index", "week", "plan", "move", "setup", "step")},
    "documents.preview": _document,
    "documents.issue": _document,
    "document_batches.order": _batch,
    "documents.download": _issued,
    "documents.withdraw": _issued,
    **{f"signatures.{name}": _signing for name in ("pad", "sign", "supplement", "add_supplement")},
    "signatures.picture": _signature_picture,
    "approvals_inbox.approve_many": _approval_tasks,
    "approvals_inbox.delegate": _stand_in,
    "approvals_inbox.end": _delegations,
    "timeline.index": _timeline,
    "unit_import.start": _unit_import,
    "timeline.assign": _assign,
    "work.index": _work,
    "calendar.index": _work,
    "touchpoints.details": _touchpoint,
    "touchpoints.edit": _touchpoint,
    "touchpoints.reset": _touchpoint,
    **{
        f"imports.{name}": _imports
        for name in (
            "index",
            "start",
            "lookup",
            "template",
            "columns",
            "preview",
            "row",
            "bad_rows",
            "confirm",
            "result",
            "undo",
            "resume",
            "discard",
        )
    },
    **{f"contractors_matrix.{name}": _matrix for name in ("index", "edit", "copy")},
    "warranty_figures.records": _warranty_records,
    **{f"warranty_cover.{name}": _warranty_house for name in ("index", "deem", "rebuild")},
    **{f"warranty_caller.{name}": _warranty_house for name in ("index", "register")},
    **{f"warranty_leftovers.{name}": _warranty_house for name in ("index", "take_over")},
}
"""Routes that need more than the key of a row, by endpoint."""

__all__ = ["Attempt", "Unfillable", "attempts", "component_of", "create_form", "edit_form", "key_text"]
