"""What owners have to hear before a warranty ends: found every day, told by a message, or by property
management."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask_babel import force_locale

from core.toolkit import (
    Customer,
    JobRun,
    MessageState,
    Project,
    Unit,
    _,
    _l,
    add_todo,
    db,
    finish_todos_of,
    is_on,
    listed,
    local_today,
    owners_of,
    utc_now,
)
from plugins.warranty.catalogue import categories
from plugins.warranty.common import option
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import ExpiryNotice, HouseWarranty, ToldHow
from plugins.warranty.services import telling
from plugins.warranty.services.intake import tell


def ending_lines(unit: Unit, today: dt.date | None = None) -> list[HouseWarranty]:
    """Return the lines of a house whose cover ends soon, the next first.

    Args:
        unit: The house.
        today: The present day; for tests.

    Source: domain reference 5.7.8: 30 days before the end; setting ``expiry_notice_days``.
    """
    return list(
        db.session.scalars(
            sa.select(HouseWarranty)
            .where(HouseWarranty.unit_id == unit.id, _ends_soon(unit.project, today or local_today()))
            .order_by(HouseWarranty.owner_end, HouseWarranty.category_code)
        )
    )


def _ends_soon(project: Project, today: dt.date) -> sa.ColumnElement[bool]:
    until = today + dt.timedelta(days=int(option("expiry_notice_days", project)))
    return sa.and_(HouseWarranty.owner_end >= today, HouseWarranty.owner_end <= until)


def tell_of_ends(unit: Unit, today: dt.date | None = None) -> list[ExpiryNotice]:
    """Tell the owners of a house what ends soon, once for each last day.

    Args:
        unit: The house.
        today: The present day; for tests.

    Returns:
        The notices that were made; whom no message reaches, property management is asked to tell.

    Source: touchpoint F09.
    """
    held = set(db.session.scalars(sa.select(ExpiryNotice.ends_on).where(ExpiryNotice.unit_id == unit.id)))
    ending: dict[dt.date, list[str]] = {}
    for line in ending_lines(unit, today):
        if line.owner_end not in held and str(line.category_code) not in ending.get(line.owner_end, []):
            ending.setdefault(line.owner_end, []).append(str(line.category_code))
    return [_notice(unit, day, codes) for day, codes in ending.items()]


def _notice(unit: Unit, ends_on: dt.date, codes: Sequence[str]) -> ExpiryNotice:
    notice = ExpiryNotice(
        project_id=unit.project_id, unit_id=unit.id, ends_on=ends_on, categories=" ".join(codes)
    )
    db.session.add(notice)
    db.session.flush()
    told = [owner for owner in owners_of(unit) if _told(notice, owner)]
    if told:
        note_told(notice, ToldHow.MESSAGE, told)
    else:
        add_todo(
            notice,
            _l("Tell the owner of %(house)s that a warranty ends", house=unit.code),
            role="PM",
            due_at=utc_now() + dt.timedelta(days=max((ends_on - local_today()).days, 1)),
            dedupe_key=f"warranty:expiry:{notice.id}",
            unit=unit,
        )
    return notice


def _told(notice: ExpiryNotice, owner: Customer) -> bool:
    """Send an owner the message; returns whether one goes out."""
    with force_locale(owner.language or "zh_Hans_CN"):
        message = telling.expiring(notice, owner, category_names(notice))
    return message is not None and message.state != MessageState.WITHHELD


def category_names(notice: ExpiryNotice) -> str:
    """Return what ends, in the reader's words."""
    found = categories()
    return listed(str(found[code].name) if code in found else code for code in notice.categories.split())


def note_told(notice: ExpiryNotice, how: ToldHow, owners: Sequence[Customer] = ()) -> None:
    """Note that the owner was told of an end: by a message, or by the letter that was handed over.

    Args:
        notice: What he was told of.
        how: How.
        owners: Who was told; the owners of the house when omitted.

    Raises:
        WarrantyRuleError: He was told already.
    """
    if notice.told_at is not None:
        raise WarrantyRuleError(_("The owner of %(house)s was told already.", house=notice.unit.code))
    notice.told_at, notice.told_how = utc_now(), how
    finish_todos_of(notice)
    for owner in owners or owners_of(notice.unit):
        tell(
            "TP-F09",
            "warranty.expiring",
            _l("Told of the end of the warranty on %(day)s", day=notice.ends_on.isoformat()),
            notice,
            customer=owner,
            unit=notice.unit,
            project=notice.project,
            details={"categories": notice.categories},
        )
    db.session.flush()


def _to_tell(project: Project, today: dt.date) -> sa.Select[Any]:
    """The houses of a project of which something ends soon that no notice was made for."""
    made = sa.select(ExpiryNotice.id).where(
        ExpiryNotice.unit_id == HouseWarranty.unit_id, ExpiryNotice.ends_on == HouseWarranty.owner_end
    )
    return (
        sa.select(HouseWarranty.unit_id)
        .where(HouseWarranty.project_id == project.id, _ends_soon(project, today), ~made.exists())
        .distinct()
        .order_by(HouseWarranty.unit_id)
    )


def run_ends(run: JobRun) -> None:
    """Tell the owners of all houses what ends soon, each house in a transaction of its own.

    Args:
        run: The run of the periodic task.
    """
    today = local_today()
    keys: list[int] = []
    for project in db.session.scalars(
        sa.select(Project).where(Project.archived_at.is_(None)).order_by(Project.id)
    ):
        if is_on("warranty", project.department_id):
            keys.extend(db.session.scalars(_to_tell(project, today)))
    for key in run.steps(keys):
        tell_of_ends(db.session.get_one(Unit, key), today)
