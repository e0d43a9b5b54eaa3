"""Defects from Excel: lists that inspectors or owners keep, into the register of one project."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    OPEN_PROJECTS,
    Importer,
    ImportField,
    ImportPlace,
    ImportRow,
    MatchKey,
    RowError,
    Unit,
    _,
    _l,
    db,
    normalise_unit_text,
    parse_choice,
    parse_paragraph,
    parse_words,
)
from plugins.contractors.models import Trade
from plugins.handover import services
from plugins.handover.models import Defect, DefectCode, DefectSource, Severity

_SEVERITIES = {
    Severity.S1: ("S1", "致命"),
    Severity.S2: ("S2", "严重"),
    Severity.S3: ("S3", "一般"),
    Severity.S4: ("S4", "轻微"),
}
_SOURCES = {
    DefectSource.OWNER: ("业主", "业主报修", "owner"),
    DefectSource.STAFF: ("员工", "自查", "staff"),
}


def _units(place: ImportPlace, texts: Collection[str]) -> Mapping[str, int]:
    """Return the houses of the project that texts mean: 3-1-1502, 3栋1单元1502."""
    codes = {normalise_unit_text(text): text for text in texts}
    found: dict[str, int] = {}
    query = sa.select(Unit.code, Unit.id).where(
        Unit.project_id == place.project.id, Unit.code.in_(list(codes))
    )
    keys = {row.code: row.id for row in db.session.execute(query)}
    for text in texts:
        key = keys.get(normalise_unit_text(text))
        if key is not None:
            found[text] = key
    return found


def _codes(place: ImportPlace, texts: Collection[str]) -> Mapping[str, str]:
    """Return the kinds of fault that texts name, by code or name."""
    del place
    wanted = set(texts)
    found: dict[str, str] = {}
    for code in db.session.scalars(sa.select(DefectCode)):
        for word in (code.code, code.name, code.name_en):
            if word in wanted:
                found[word] = code.code
    return found


def _trade(place: ImportPlace, texts: Collection[str]) -> Mapping[str, str]:
    """Return the codes of the trades that texts name."""
    del place
    wanted = set(texts)
    found: dict[str, str] = {}
    for trade in db.session.scalars(sa.select(Trade).where(Trade.active)):
        for word in (trade.code, trade.name, trade.name_en):
            if word in wanted:
                found[word] = trade.code
    return found


class DefectImporter(Importer):
    """Defects of one project, outside inspections."""

    model = Defect
    project = OPEN_PROJECTS
    needed = (("unit", "room_name", "description"), ("number",))
    fields = (
        ImportField(
            "number", _l("Number of the defect"), ("缺陷编号", "问题编号", "编号"), parse=parse_words(40),
            help=_l("Only to change a known defect; new ones are numbered by themselves."),
        ),
        ImportField(
            "unit", _l("House"), ("房源", "房号", "房屋", "楼栋房号", "unit"), parse=parse_words(60), lookup=_units,
            required=True, example="3栋1单元1502",
        ),
        ImportField(
            "room_name", _l("Room"), ("部位", "房间", "位置", "区域", "room"), parse=parse_words(60), required=True,
            example="主卧",
        ),
        ImportField(
            "description", _l("What is wrong"), ("问题描述", "缺陷描述", "问题", "描述", "description"),
            parse=parse_paragraph(2_000), required=True, example="外窗下方渗水", wide=True,
        ),
        ImportField(
            "codes", _l("Kinds of fault"), ("缺陷类型", "问题分类", "缺陷代码", "kind of fault"),
            parse=parse_words(255), lookup=_codes, many=True, required=True, example="D01",
            help=_l("Codes or names of the list, the main one first, parted by 、"),
        ),
        ImportField(
            "severity", _l("Severity"), ("等级", "严重程度", "级别", "severity"), parse=parse_choice(_SEVERITIES),
            required=True, example="S3", choices=tuple(words[0] for words in _SEVERITIES.values()),
        ),
        ImportField(
            "trade_code", _l("Trade"), ("工种", "专业", "责任专业", "trade"), parse=parse_words(60), lookup=_trade,
            help=_l("The contractor who answers for it follows from the matrix."),
        ),
        ImportField(
            "source", _l("Found by"), ("来源", "发现人", "source"), parse=parse_choice(_SOURCES),
            choices=tuple(words[0] for words in _SOURCES.values()),
        ),
    )  # fmt: skip
    match_keys = (
        MatchKey("text", _l("House, room and description"), ("unit", "room_name", "description")),
        MatchKey("number", _l("Number of the defect"), ("number",)),
    )

    def find(self, place: ImportPlace, rows: Sequence[ImportRow]) -> Sequence[Defect | None]:
        """Return the defect of each row in the project."""
        query = sa.select(Defect).where(Defect.project_id == place.project.id)
        if place.match == "number":
            numbers = {row.values["number"] for row in rows if row.values.get("number")}
            by_number = {
                each.number: each for each in db.session.scalars(query.where(Defect.number.in_(numbers)))
            }
            return [by_number.get(row.values.get("number", "")) for row in rows]
        units = {row.values["unit"] for row in rows if row.values.get("unit")}
        by_text: dict[tuple[Any, Any, Any], Defect] = {
            (each.unit_id, each.room_name, each.description): each
            for each in db.session.scalars(query.where(Defect.unit_id.in_(units)).order_by(Defect.id))
        }
        return [
            by_text.get((row.values.get("unit"), row.values.get("room_name"), row.values.get("description")))
            for row in rows
        ]

    def check(self, place: ImportPlace, row: ImportRow, record: Defect | None) -> Sequence[RowError]:
        """Refuse a number that nobody has, and another house for a known defect."""
        if record is None and row.values.get("number"):
            return [
                RowError(
                    "number",
                    "unknown",
                    _l(
                        "There is no such defect in this project. Leave the number empty to register a new one."
                    ),
                )
            ]
        if record is not None and row.values.get("unit") not in (None, record.unit_id):
            return [
                RowError(
                    "unit", "other_house", _l("A defect stays with its house. Register a new one instead.")
                )
            ]
        return ()

    def current(self, record: Defect) -> Mapping[str, Any]:
        """Return what is known of a defect; who found it stays."""
        return {
            "room_name": record.room_name,
            "description": record.description,
            "codes": [fault.code.code for fault in record.faults],
            "severity": record.severity,
            "trade_code": record.trade_code,
        }

    def create(self, place: ImportPlace, rows: Sequence[ImportRow]) -> Sequence[int]:
        """Register the defects."""
        keys = [row.values["unit"] for row in rows]
        units = {unit.id: unit for unit in db.session.scalars(sa.select(Unit).where(Unit.id.in_(keys)))}
        return [
            services.register_defect(
                units[row.values["unit"]],
                room_name=row.values["room_name"],
                codes=row.values["codes"],
                description=row.values["description"],
                severity=Severity(row.values["severity"]),
                source=DefectSource(row.values.get("source") or DefectSource.STAFF),
                trade_code=row.values.get("trade_code") or "",
            ).id
            for row in rows
        ]

    def change(self, place: ImportPlace, record: Defect, values: Mapping[str, Any]) -> None:
        """Change a defect that is not done with."""
        held = dict(values)
        if "severity" in held:
            held["severity"] = Severity(held["severity"])
            held["severity_reason"] = _("Corrected by an import.")
        services.change_defect(record, **held)

    def remove(self, place: ImportPlace, record: Defect) -> None:
        """Mark a defect as no problem: its number is in the register and stays there."""
        services.invalidate_defect(record, _("The import was taken back."))

    def title(self, record: Defect) -> str:
        """Return number, room and description."""
        return f"{record.number} {record.room_name} {record.description}"[:120]
