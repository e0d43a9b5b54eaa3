"""The two clocks of every house: terms of the project, seasons of the city, lines of the register, verdicts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from core.toolkit import (
    Building,
    Department,
    Project,
    Unit,
    _,
    all_departments,
    completion_date,
    db,
    department_path,
    ngettext,
    require_scope,
)
from plugins.warranty.catalogue import Category, categories
from plugins.warranty.common import option
from plugins.warranty.coverage import UNNAMED_CITY_MONTHS, Period, Season, System, TermKind, end_of_term
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import CitySeason, HouseStart, HouseWarranty, Promise, TakeOver

LONGEST_TERM = {TermKind.MONTHS: 600, TermKind.SEASONS: 50, TermKind.LIFE: 200}
"""What nobody promises by intention."""
COMMON_PARTS = "W12"
"""The category of what belongs to all owners; its clock starts at the take-over by property management."""


@dataclass(frozen=True)
class Terms:
    """The terms of one category in one project.

    Attributes:
        owner: The owner's term, in the unit of the category.
        contractor: The contractor's.
        basis: Where the owner's term is promised; "" for the department's usual one.
    """

    owner: int
    contractor: int
    basis: str = ""


@dataclass(frozen=True)
class Line:
    """One category of one house, computed.

    Attributes:
        category: The category.
        system: ``heating`` or ``cooling`` for W05.
        period: The two clocks.
        terms: What they were computed from.
    """

    category: Category
    system: System | None
    period: Period
    terms: Terms


def category_of(code: str) -> Category:
    """Return a category by its code.

    Raises:
        WarrantyRuleError: There is none.
    """
    found = categories().get(code)
    if found is None:
        raise WarrantyRuleError(_("Choose a warranty category from W01 to W14."), "category_code")
    return found


def terms_of(project: Project) -> Mapping[str, Terms]:
    """Return the terms of all categories in a project: what it promises, else what its company usually gives."""
    promises = {
        str(promise.category_code): promise
        for promise in db.session.scalars(sa.select(Promise).where(Promise.project_id == project.id))
    }
    found = {}
    for code, category in categories().items():
        usual = max(int(option(category.setting_key, project)), category.floor)
        promise = promises.get(code)
        found[code] = (
            Terms(usual, usual)
            if promise is None
            else Terms(promise.amount, promise.contractor_amount or usual, promise.basis)
        )
    return found


def promise_term(
    project: Project,
    category_code: str,
    amount: int,
    *,
    contractor_amount: int | None = None,
    basis: str = "",
    promise: Promise | None = None,
) -> Promise:
    """Set what a project promises for a category instead of the usual term.

    Args:
        project: The project.
        category_code: W01 to W14.
        amount: The owner's term in the unit of the category; between floor and default is allowed.
        contractor_amount: The contractor's term by his contract; the usual one when None.
        basis: Where it is promised.
        promise: The row to change; a new one when omitted.

    Raises:
        WarrantyRuleError: It undercuts the statutory floor, is out of bounds, or the category has a promise already.

    Source: domain reference 3.4.2: floors of the regulation of 2000 and the two-book rules of 1998.
    """
    category = category_of(category_code)
    for value, field in ((amount, "amount"), (contractor_amount, "contractor_amount")):
        if value is not None:
            _check_term(category, value, field)
    if not basis.strip():
        raise WarrantyRuleError(
            _("Say where the term is promised, for example “supplementary agreement, clause 7”."), "basis"
        )
    held = db.session.scalar(
        sa.select(Promise).where(Promise.project_id == project.id, Promise.category_code == category_code)
    )
    if held is not None and held is not promise:
        raise WarrantyRuleError(
            _(
                "The project has a promise for %(category)s already. Change that one instead.",
                category=category.title,
            ),
            "category_code",
        )
    row = promise or Promise(project_id=project.id, category_code=category_code)
    row.amount, row.contractor_amount, row.basis = amount, contractor_amount, basis.strip()
    db.session.add(row)
    db.session.flush()
    return row


def _check_term(category: Category, amount: int, field: str) -> None:
    if amount < max(category.floor, 1):
        raise WarrantyRuleError(
            _(
                "%(category)s: the term may not be shorter than %(floor)s, the minimum of %(law)s.",
                category=category.title,
                floor=term_text(category, category.floor),
                law=category.law,
            ),
            field,
        )
    if amount > LONGEST_TERM[category.kind]:
        raise WarrantyRuleError(
            _(
                "%(category)s: a term of %(term)s is not possible. Check the number.",
                category=category.title,
                term=term_text(category, amount),
            ),
            field,
        )


def term_text(category: Category, amount: int) -> str:
    """Return a term in words, for example "2 years" or "6 months"; the term of one house: :func:`house_term_text`."""
    if category.kind == TermKind.SEASONS:
        return _("%(number)s heating or cooling seasons", number=amount)
    if category.kind == TermKind.LIFE:
        return _("%(number)s years (design life)", number=amount)
    if amount % 12 == 0:
        return _("%(number)s years", number=amount // 12) if amount > 12 else _("1 year")
    return _("%(number)s months", number=amount) if amount > 1 else _("1 month")


def house_term_text(project: Project, category: Category, amount: int, system: str | None) -> str:
    """Return the term of a house in words, with the seasons of its system; in years where the city has none of them.

    Args:
        project: The project of the house.
        category: The category.
        amount: Months, seasons, or years of design life.
        system: ``heating`` or ``cooling``; None or empty for a category without systems.

    Source: domain reference Appendix F: a city without seasons has none to count, and the term is 2 years.
    """
    if category.kind != TermKind.SEASONS or not system:
        return term_text(category, amount)
    if System(system) not in seasons_of(project):
        return ngettext("%(num)d year", "%(num)d years", amount * UNNAMED_CITY_MONTHS // 12)
    if system == System.HEATING:
        return ngettext("%(num)d heating season", "%(num)d heating seasons", amount)
    return ngettext("%(num)d cooling season", "%(num)d cooling seasons", amount)


# Seasons


def set_season(
    department: Department, system: System, start: tuple[int, int], end: tuple[int, int], note: str = ""
) -> CitySeason:
    """Set the heating or cooling season of a department, usually a city company, and of those below it.

    Args:
        department: The department.
        system: Heating or cooling.
        start: Month and day of the first day.
        end: Month and day of the last day; in the next year when it lies before the start.
        note: Where it is laid down.

    Raises:
        WarrantyRuleError: A day does not exist, or start and end are the same.
    """
    for (month, day), field in ((start, "start"), (end, "end")):
        try:
            dt.date(2024, month, day)
        except ValueError:
            written = f"{month:02d}-{day:02d}"
            raise WarrantyRuleError(
                _("There is no %(day)s. Write month and day, for example 11-15.", day=written),
                field,
            ) from None
    if start == end:
        raise WarrantyRuleError(_("A season cannot begin and end on the same day."), "end")
    row = db.session.scalar(
        sa.select(CitySeason).where(CitySeason.department_id == department.id, CitySeason.system == system)
    )
    if row is None:
        row = CitySeason(department_id=department.id, system=str(system))
        db.session.add(row)
    row.start_month, row.start_day = start
    row.end_month, row.end_day = end
    row.note = note.strip()
    db.session.flush()
    return row


def seasons_of(project: Project) -> Mapping[System, Season]:
    """Return the seasons that hold for a project, those of the nearest department above it."""
    path = department_path(project.department_id)
    with all_departments("reading the seasons of a project from the departments above it"):
        rows = db.session.scalars(sa.select(CitySeason).where(CitySeason.department_id.in_(path))).all()
    nearest = sorted(rows, key=lambda row: path.index(row.department_id))
    return {
        System(row.system): Season(row.start_month, row.start_day, row.end_month, row.end_day)
        for row in nearest
    }


# Starts


def deem_delivered(unit: Unit, on: dt.date, reason: str) -> HouseStart:
    """Note that legal deems a house delivered on a day; the owner's clocks start there.

    Args:
        unit: The house.
        on: The day.
        reason: Notice, dates and proof of service.

    Raises:
        WarrantyRuleError: The reason is missing, or the house was really delivered before that day.
    """
    if not reason.strip():
        raise WarrantyRuleError(
            _("Say why the house is deemed delivered: which notice, when it was served, what proves it."),
            "reason",
        )
    if unit.delivered_on is not None and unit.delivered_on < on:
        raise WarrantyRuleError(
            _(
                "House %(unit)s was delivered on %(day)s, before that day. Nothing has to be deemed.",
                unit=unit.code,
                day=unit.delivered_on.isoformat(),
            ),
            "deemed_on",
        )
    row = deemed_start(unit) or HouseStart(project_id=unit.project_id, unit_id=unit.id)
    row.deemed_on, row.reason, row.decided_by_id = on, reason.strip(), require_scope().user_id
    db.session.add(row)
    db.session.flush()
    refresh_lines(unit)
    return row


def deemed_start(unit: Unit) -> HouseStart | None:
    """Return what legal decided on the start of a house, or None."""
    return db.session.scalar(sa.select(HouseStart).where(HouseStart.unit_id == unit.id))


def owner_start(unit: Unit) -> dt.date | None:
    """Return the day on which the owner's clocks start: the delivery, or the earlier day that legal deems it; None
    before both."""
    deemed = deemed_start(unit)
    days = [day for day in (unit.delivered_on, deemed.deemed_on if deemed else None) if day is not None]
    return min(days, default=None)


def take_over(building: Building, on: dt.date) -> TakeOver:
    """Note when property management took over the common parts of a building; their clock starts there."""
    row = db.session.scalar(sa.select(TakeOver).where(TakeOver.building_id == building.id))
    if row is None:
        row = TakeOver(project_id=building.project_id, building_id=building.id, taken_over_on=on)
        db.session.add(row)
    row.taken_over_on = on
    db.session.flush()
    return row


# Lines


@dataclass(frozen=True)
class Ground:
    """What the lines of a project's houses are computed from, read once for many houses."""

    terms: Mapping[str, Terms]
    seasons: Mapping[System, Season]
    partial_counts: bool

    @classmethod
    def of(cls, project: Project) -> Ground:
        """Read it for a project."""
        return cls(terms_of(project), seasons_of(project), bool(option("partial_season_counts", project)))

    def period(
        self, category: Category, system: System | None, start: dt.date | None, completed: dt.date | None
    ) -> Period:
        """Return the two clocks of a category that start on given days."""
        terms = self.terms[category.code]

        def end(first: dt.date | None, amount: int) -> dt.date | None:
            if first is None:
                return None
            return end_of_term(
                first,
                category.kind,
                amount,
                system=system,
                seasons=self.seasons,
                partial_counts=self.partial_counts,
            )

        return Period(start, end(start, terms.owner), completed, end(completed, terms.contractor))


def lines_of(unit: Unit, ground: Ground | None = None) -> list[Line]:
    """Compute the lines of a house from what is stored: delivery, completion acceptance, terms and seasons.

    Args:
        unit: The house.
        ground: Terms and seasons of its project, when many houses are computed.
    """
    ground = ground or Ground.of(unit.project)
    start, completed = owner_start(unit), completion_date(unit)
    return [
        Line(category, system, ground.period(category, system, start, completed), ground.terms[category.code])
        for category in categories().values()
        for system in category.systems
    ]


def period_of(
    category_code: str, *, unit: Unit | None = None, building: Building | None = None, system: str = ""
) -> Period:
    """Return the two clocks that hold for a report in a house, or in the common parts of a building.

    Args:
        category_code: The category.
        unit: The house.
        building: The building, for common parts.
        system: ``heating`` or ``cooling`` for W05; the later end holds when it is not known.
    """
    category = category_of(category_code)
    named = System(system) if system and category.kind == TermKind.SEASONS else None
    if unit is not None:
        return Ground.of(unit.project).period(category, named, owner_start(unit), completion_date(unit))
    if building is None:
        raise ValueError("Say either the house or the building.")
    taken = db.session.scalar(sa.select(TakeOver.taken_over_on).where(TakeOver.building_id == building.id))
    return Ground.of(building.project).period(category, named, taken, building.completion_accepted_on)


def basis_of(line: Line) -> str:
    """Return the sentence with which a line stands in the guarantee, in Chinese."""
    category, period, terms = line.category, line.period, line.terms
    start = f"自交付之日（{period.owner_start:%Y-%m-%d}）起" if period.owner_start else "自交付之日起"
    length = {
        TermKind.MONTHS: f"{terms.owner // 12} 年" if terms.owner % 12 == 0 else f"{terms.owner} 个月",
        TermKind.SEASONS: f"{terms.owner} 个{'供冷期' if line.system == System.COOLING else '采暖期'}",
        TermKind.LIFE: f"设计文件规定的合理使用年限（{terms.owner} 年）",
    }[category.kind]
    source = f"；约定：{terms.basis}" if terms.basis else ""
    return f"{start} {length}；依据：{category.law.zh}{source}"


def refresh_lines(unit: Unit, ground: Ground | None = None) -> int:
    """Bring the register of a house up to date; without a delivery it has no lines.

    Args:
        unit: The house.
        ground: Terms and seasons of its project, when many houses are computed.

    Returns:
        How many lines were made, changed or removed.
    """
    stored = {
        (str(row.category_code), row.system): row
        for row in db.session.scalars(sa.select(HouseWarranty).where(HouseWarranty.unit_id == unit.id))
    }
    changed = 0
    for line in lines_of(unit, ground):
        period = line.period
        if period.owner_start is None:
            continue
        row = stored.pop((line.category.code, str(line.system or "")), None)
        if row is None:
            row = HouseWarranty(
                project_id=unit.project_id,
                unit_id=unit.id,
                category_code=line.category.code,
                system=line.system or "",
            )
            db.session.add(row)
        values = {
            "owner_start": period.owner_start,
            "owner_end": period.owner_end,
            "contractor_start": period.contractor_start,
            "contractor_end": period.contractor_end,
            "amount": line.terms.owner,
            "contractor_amount": line.terms.contractor,
            "basis": basis_of(line),
        }
        if any(getattr(row, name) != value for name, value in values.items()):
            changed += 1
            for name, value in values.items():
                setattr(row, name, value)
    for row in stored.values():
        db.session.delete(row)
        changed += 1
    db.session.flush()
    return changed


def refresh_project(project: Project, units: Sequence[Unit]) -> int:
    """Bring the register of many houses of a project up to date, after a term or a season was changed.

    Returns:
        How many lines were made, changed or removed.
    """
    ground = Ground.of(project)
    return sum(refresh_lines(unit, ground) for unit in units)
