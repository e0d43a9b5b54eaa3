"""Checklists and kinds of fault: loading the standard ones, and making, editing and publishing versions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    Department,
    Project,
    _,
    all_departments,
    db,
    department_path,
    require_scope,
    utc_now,
)
from plugins.handover import measures
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    DefectCode,
    InspectionTemplate,
    Severity,
    TemplateItem,
    TemplateRoom,
    TemplateState,
)

DATA = Path(__file__).parent / "data"
STANDARD = "default"
"""Code of the checklist that is loaded from the reference data."""
PATROL = "patrol"
"""Code of the short checklist for the patrol of vacant houses."""
_FILES = {STANDARD: "inspection_template", PATROL: "patrol_template"}


@cache
def reference(name: str) -> Any:
    """Return a file of ``data/`` as it was read from JSON; callers do not change it."""
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def labels(kind: str) -> dict[str, dict[str, str]]:
    """Return the texts of a small fixed list by code: ``severities``, ``refusal_reasons``, ``inspection_types`` or
    ``root_causes``; each with ``zh`` and ``en``."""
    return {row["code"]: row["name"] for row in reference("defect_codes")[kind]}


def load_defect_codes() -> None:
    """Add the kinds of fault of the reference data (domain reference 3.3.5) that are missing; edited ones
    stay as they are."""
    known = set(db.session.scalars(sa.select(DefectCode.code)))
    for position, row in enumerate(reference("defect_codes")["defect_codes"], start=1):
        if row["code"] not in known:
            db.session.add(
                DefectCode(
                    code=row["code"],
                    name=row["name"]["zh"],
                    name_en=row["name"]["en"],
                    position=position * 10,
                )
            )
    db.session.flush()


def load_standard_templates() -> None:
    """Give each department at the top of the tree the standard checklist with its 121 items and the one for patrols,
    where it has none."""
    roots = db.session.scalars(
        sa.select(Department).where(Department.parent_id.is_(None), Department.archived_at.is_(None))
    ).all()
    for department in roots:
        held = set(
            db.session.scalars(
                sa.select(InspectionTemplate.code).where(InspectionTemplate.department_id == department.id)
            )
        )
        for code, file in _FILES.items():
            if code not in held:
                _make_template(department.id, reference(file))


def load_reference_data() -> None:
    """Load everything that a new installation needs; safe to repeat."""
    load_defect_codes()
    load_standard_templates()


def _make_template(department_id: int, data: Mapping[str, Any]) -> InspectionTemplate:
    template = InspectionTemplate(
        department_id=department_id,
        code=data["code"],
        version=data["version"],
        name=data["name"]["zh"],
        name_en=data["name"]["en"],
        state=TemplateState.PUBLISHED,
        published_at=utc_now(),
    )
    template.rooms = [
        TemplateRoom(
            department_id=department_id,
            code=room["code"],
            name=room["name"]["zh"],
            name_en=room["name"]["en"],
            position=room["order"],
            whole_house=room["any_room"],
        )
        for room in data["rooms"]
    ]
    template.items = [_standard_item(department_id, item, _groups(data)) for item in data["items"]]
    db.session.add(template)
    db.session.flush()
    return template


def _groups(data: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    return {group["code"]: group["name"] for group in data["groups"]}


def _standard_item(
    department_id: int, item: Mapping[str, Any], groups: Mapping[str, Mapping[str, str]]
) -> TemplateItem:
    measured = [item["measure"], *item["further_measures"]] if item["measure"] else []
    return TemplateItem(
        department_id=department_id,
        code=item["code"],
        group_code=item["group"],
        group_name=groups[item["group"]]["zh"],
        group_name_en=groups[item["group"]]["en"],
        specification=item["spec"],
        rooms=list(item["rooms"]),
        name=item["name"]["zh"],
        name_en=item["name"]["en"],
        standard=item["standard"]["zh"],
        standard_en=item["standard"]["en"],
        method=item["method"]["zh"],
        method_en=item["method"]["en"],
        severity=Severity(item["severity"]),
        warranty_category=item["warranty_category"],
        trade_code=item["trade"] if "trade" in item else reference("item_trades")["items"][item["code"]],
        defect_code=item["defect"] if "defect" in item else reference("default_defects")[item["code"]],
        measures=[measures.from_reference(raw) for raw in measured],
        position=item["order"],
    )


def template_for(project: Project, *, patrol: bool = False) -> InspectionTemplate:
    """Return the checklist that inspections of a project use: the newest published one of the nearest
    department up the tree.

    A department tree that was made after the reference data was loaded receives the standard checklists here.

    Args:
        project: The project.
        patrol: Whether a vacant house is patrolled, for which there is a checklist of its own.
    """
    path = department_path(project.department_id)
    with all_departments("choosing the checklist of a project from the departments above it"):
        query = sa.select(InspectionTemplate).where(
            InspectionTemplate.department_id.in_(path),
            InspectionTemplate.state == TemplateState.PUBLISHED,
            InspectionTemplate.code == PATROL if patrol else InspectionTemplate.code != PATROL,
        )
        found = db.session.scalars(query).all()
        if not found:
            load_reference_data()
            found = db.session.scalars(query).all()
    return max(
        found,
        key=lambda each: (path.index(each.department_id), each.published_at or each.created_at, each.id),
    )


def new_version(template: InspectionTemplate) -> InspectionTemplate:
    """Copy a checklist into a draft of the acting department, so that it can be changed without touching
    what is in use.

    Args:
        template: Any version that can be seen, also one of a department above.
    """
    department_id = require_scope().department_id
    if department_id is None:
        raise HandoverRuleError(
            _("Choose the department whose checklist you want to change in the top bar first.")
        )
    draft = db.session.scalar(
        sa.select(InspectionTemplate).where(
            InspectionTemplate.department_id == department_id,
            InspectionTemplate.code == template.code,
            InspectionTemplate.state == TemplateState.DRAFT,
        )
    )
    if draft is not None:
        raise HandoverRuleError(
            _(
                "“%(title)s” is a draft already. Change and publish it, or delete it before you make another one.",
                title=draft.title,
            )
        )
    latest = db.session.scalar(
        sa.select(sa.func.max(InspectionTemplate.version)).where(
            InspectionTemplate.department_id.in_(department_path(department_id)),
            InspectionTemplate.code == template.code,
        )
    )
    copy = InspectionTemplate(
        department_id=department_id,
        code=template.code,
        version=max(latest or 0, template.version) + 1,
        name=template.name,
        name_en=template.name_en,
        state=TemplateState.DRAFT,
    )
    copy.rooms = [_copied(TemplateRoom, room, department_id) for room in template.rooms]
    copy.items = [_copied(TemplateItem, item, department_id) for item in template.items]
    db.session.add(copy)
    db.session.flush()
    return copy


_NOT_COPIED = {"id", "template_id", "department_id", "created_at", "updated_at", "row_version"}


def _copied(model: Any, source: Any, department_id: int) -> Any:
    columns = [column.key for column in sa.inspect(model).column_attrs if column.key not in _NOT_COPIED]
    return model(department_id=department_id, **{name: getattr(source, name) for name in columns})


def publish(template: InspectionTemplate) -> None:
    """Put a draft into use. Older versions of the same department are retired; inspections that run keep their copy.

    Raises:
        HandoverRuleError: It is no draft, belongs to a department above, or has no item that is used.
    """
    require_own_draft(template)
    if not any(item.active for item in template.items):
        raise HandoverRuleError(
            _("A checklist without any item in use cannot be published. Add an item first.")
        )
    for older in db.session.scalars(
        sa.select(InspectionTemplate).where(
            InspectionTemplate.department_id == template.department_id,
            InspectionTemplate.code == template.code,
            InspectionTemplate.state == TemplateState.PUBLISHED,
        )
    ):
        older.state = TemplateState.RETIRED
    template.state = TemplateState.PUBLISHED
    template.published_at = utc_now()
    db.session.flush()


def require_own_draft(template: InspectionTemplate) -> None:
    """Refuse to change anything but a draft of the acting department.

    Raises:
        HandoverRuleError: It is in use or was, or it belongs to another department.
    """
    if template.state != TemplateState.DRAFT:
        raise HandoverRuleError(
            _(
                "“%(title)s” is published, and inspections refer to it. Make a new version and change that one.",
                title=template.title,
            )
        )
    if template.department_id != require_scope().department_id:
        raise HandoverRuleError(
            _(
                "“%(title)s” belongs to another department. Switch to that department, or make your own version.",
                title=template.title,
            )
        )


_ITEM_FIELDS = (
    "code",
    "group_name",
    "group_name_en",
    "specification",
    "rooms",
    "name",
    "name_en",
    "standard",
    "standard_en",
    "method",
    "method_en",
    "severity",
    "warranty_category",
    "trade_code",
    "defect_code",
    "position",
    "active",
)


def save_item(
    template: InspectionTemplate, item: TemplateItem | None, values: Mapping[str, Any]
) -> TemplateItem:
    """Change an item of a draft, or add one.

    Args:
        template: The draft.
        item: The item, or None to add one.
        values: Attributes of :class:`TemplateItem` by name.

    Raises:
        HandoverRuleError: The checklist is no own draft, the code is taken, or a room or a kind of fault is unknown.
    """
    require_own_draft(template)
    code = values.get("code", item.code if item else "").strip().upper()
    if not code:
        raise HandoverRuleError(_("An item needs a code, for example WL14."))
    if any(other.code == code and other is not item for other in template.items):
        raise HandoverRuleError(
            _("The code %(code)s is used by another item of this checklist. Choose a free one.", code=code)
        )
    rooms = list(values.get("rooms", item.rooms if item else []))
    unknown = set(rooms) - {room.code for room in template.rooms}
    if unknown or not rooms:
        raise HandoverRuleError(
            _("Choose at least one room for %(code)s from the rooms of the checklist.", code=code)
        )
    fault = values.get("defect_code", item.defect_code if item else "")
    if fault and db.session.scalar(sa.select(DefectCode.id).where(DefectCode.code == fault)) is None:
        raise HandoverRuleError(_("There is no kind of fault %(code)s. Choose one of the list.", code=fault))
    if item is None:
        item = TemplateItem(department_id=template.department_id, code=code, name="")
        template.items.append(item)
    for name in _ITEM_FIELDS:
        if name in values:
            setattr(item, name, values[name])
    item.code, item.rooms = code, rooms
    db.session.flush()
    return item


def defect_codes(codes: Iterable[str] | None = None) -> list[DefectCode]:
    """Return kinds of fault in their order: those named, or all in use."""
    query = sa.select(DefectCode).order_by(DefectCode.position, DefectCode.code)
    query = query.where(DefectCode.active) if codes is None else query.where(DefectCode.code.in_(list(codes)))
    return list(db.session.scalars(query))
