"""What is printed: the house inspection record 验房记录表 and the rectification notice 整改通知单 (domain reference
3.3.7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.toolkit import (
    LOCAL_ZONE,
    Decoration,
    _,
    attachments_by_record,
    listed,
    owners_of,
    signature_boxes,
    supplement_parts,
)
from plugins.handover import services, signing, words
from plugins.handover.models import (
    Defect,
    Inspection,
    InspectionKind,
    InspectionResult,
    InspectionState,
    RectificationNotice,
)

MOST_PHOTOS = 60
"""Photos in one appendix, ten pages; further ones are named by their number on the defect's page."""


def may_issue_record(record: Inspection) -> str | None:
    """Return why an inspection record cannot be issued yet, or None."""
    if record.state == InspectionState.FINISHED:
        return None
    return _("The record can be issued when the inspection is finished.")


def may_issue_notice(record: RectificationNotice) -> str | None:
    """Return why a notice cannot be printed for good yet, or None."""
    return None if record.state != "draft" else _("Issue the notice first; then it can be printed for good.")


class _Photos:
    """The photos of an appendix, numbered in the order in which the defects stand on the paper."""

    def __init__(self, defects: Iterable[Defect], slot: str, language: str) -> None:
        self.entries: list[dict[str, str]] = []
        self._numbers: dict[int, list[str]] = {}
        held = list(defects)
        found = attachments_by_record(held)
        for defect in held:
            for photo in found.get(defect.id, []):
                if photo.slot != slot or not photo.media_type.startswith("image/"):
                    continue
                number = f"{len(self.entries) + 1}"
                self._numbers.setdefault(defect.id, []).append(number)
                if len(self.entries) < MOST_PHOTOS:
                    self.entries.append(
                        {
                            "url": f"attachment:{photo.id}",
                            "number": number,
                            "caption": " · ".join(
                                filter(
                                    None,
                                    (
                                        defect.unit.code,
                                        words.local(defect, "room_name", language),
                                        _title(defect, language),
                                    ),
                                )
                            ),
                            "note": f"{defect.number} {words.long_date(photo.taken_at, language)}".strip(),
                        }
                    )

    def of(self, defect: Defect) -> str:
        """Return the numbers of a defect's photos."""
        numbers = self._numbers.get(defect.id, [])
        return listed(numbers[:4]) + ("…" if len(numbers) > 4 else "")


def _title(defect: Defect, language: str) -> str:
    return services.defect_title(defect, language)


def inspection_record(record: Inspection, language: str) -> Mapping[str, Any]:
    """Return the values of the inspection record.

    Args:
        record: The inspection.
        language: Locale of the recipient.
    """
    defects = services.valid_defects(record)
    photos = _Photos(defects, services.PHOTO_BEFORE, language)
    return {
        "is_recheck": record.kind == InspectionKind.RE_INSPECTION,
        "facts": _facts(record, language),
        "meters": [(label, getattr(record, name)) for name, label in words.METERS.items()],
        "rows": _result_rows(record, defects, photos, language),
        "further": _further_rows(defects, photos, language),
        "rechecks": _recheck_rows(record, language),
        "summary": _summary(record, defects),
        "asks_owner": record.kind == InspectionKind.FORMAL or bool(record.opinion),
        "opinions": list(words.OPINIONS.items()),
        "opinion": record.opinion,
        "refusal_reasons": list(words.refusal_reasons(language).items()),
        "refusal_reason": record.refusal_reason,
        "opinion_note": record.opinion_note,
        "signatures": signature_boxes(
            record, names={signing.ENGINEER: record.inspector.name if record.inspector else ""}
        ),
        "supplements": supplement_parts(
            record, names={signing.ENGINEER: record.inspector.name if record.inspector else ""}
        ),
        "finished_on": words.long_date(record.finished_at, language),
        "photos": photos.entries,
        "content_hash": record.content_hash,
    }


def _facts(record: Inspection, language: str) -> list[tuple[Any, ...]]:
    unit = record.unit
    area = unit.gross_area_measured or unit.gross_area_contract
    decoration = {Decoration.ROUGH: _("Rough"), Decoration.FITTED: _("Fitted")}.get(
        Decoration(unit.decoration), ""
    )
    time = " – ".join(filter(None, (words.clock(record.started_at), words.clock(record.finished_at))))
    return [
        (_("Record no."), record.number),
        (
            _("Kind and round"),
            " · ".join(
                (
                    str(words.INSPECTION_KINDS[record.kind]),
                    _("round %(number)d", number=record.round_number),
                )
            ),
        ),
        (_("Project"), _project_name(record, language)),
        (_("House"), unit.code),
        (_("Layout"), unit.layout),
        (_("Gross area"), f"{area} m²" if area is not None else ""),
        (_("Delivery standard"), decoration),
        (_("Weather"), record.weather),
        (_("Owner"), owner_names(record)),
        (_("Attorney"), record.attorney_name),
        (_("Date"), words.long_date(record.started_at or record.planned_on, language)),
        (_("Time"), time),
        (_("Inspector"), record.inspector.name if record.inspector else ""),
        (_("Accompanied by"), record.companions),
    ]


def _project_name(record: Any, language: str) -> str:
    return words.local(record.project, "name", language)


def owner_names(record: Inspection) -> str:
    """Return the owners of the house on the day of the inspection.

    The record is signed by them, so their names stand on it in full for whoever may print it.
    """
    moment = record.finished_at or record.started_at
    day = moment.astimezone(LOCAL_ZONE).date() if moment else None
    return listed([owner.name for owner in owners_of(record.unit, day)])


def _result_rows(record: Inspection, defects: Sequence[Defect], photos: _Photos, language: str) -> list[Any]:
    by_result: dict[int, list[Defect]] = {}
    for defect in defects:
        if defect.result_id is not None:
            by_result.setdefault(defect.result_id, []).append(defect)
    by_room: dict[int, list[InspectionResult]] = {}
    for result in record.results:
        by_room.setdefault(result.room_id, []).append(result)
    rows: list[Any] = []
    number = 0
    for room in record.rooms:
        rows.append(services.room_title(room, language))
        for result in by_room.get(room.id, []):
            number += 1
            rows.append(_result_row(number, result, by_result.get(result.id, []), photos, language))
    return rows


def _result_row(
    number: int, result: InspectionResult, defects: Sequence[Defect], photos: _Photos, language: str
) -> dict[str, Any]:
    findings = [
        {
            "text": _in_room(defect, result, language),
            "severity": defect.severity,
            "promised": _day(defect.promised_by),
            "photos": photos.of(defect),
        }
        for defect in defects
    ]
    measured = words.measured_values(result, language)
    several = len(result.measures) > 1
    remarks = [_("Measured: %(values)s", values=listed(measured))] if measured and several else []
    remarks += [_("Remark: %(text)s", text=result.note)] if result.note else []
    findings += [{"text": text, "severity": "", "promised": "", "photos": ""} for text in remarks]
    return {
        "number": number,
        "item": f"{result.item_code} {words.local(result, 'name', language)}",
        "standard": words.local(result, "standard", language),
        "verdict": result.verdict,
        "measured": "" if several else "".join(measured),
        "findings": findings,
    }


def _in_room(defect: Defect, result: InspectionResult, language: str) -> str:
    faults = " ".join(f"{code.code} {words.local(code, 'name', language)}" for code in defect.codes)
    room = words.local(defect, "room_name", language) if result.room.whole_house else ""
    return " · ".join(filter(None, (faults, room, defect.description)))


def _day(moment: dt.datetime | None) -> str:
    return "" if moment is None else moment.astimezone(LOCAL_ZONE).date().isoformat()


def _further_rows(defects: Sequence[Defect], photos: _Photos, language: str) -> list[list[Any]]:
    return [
        [
            defect.number,
            words.local(defect, "room_name", language),
            _title(defect, language),
            defect.severity,
            _day(defect.promised_by),
            photos.of(defect),
        ]
        for defect in defects
        if defect.result_id is None
    ]


def _described(defect: Defect, language: str) -> str:
    place = " · ".join(filter(None, (defect.number, words.local(defect, "room_name", language))))
    return f"{place}\n{_title(defect, language)}"


def _recheck_rows(record: Inspection, language: str) -> list[list[Any]]:
    return [
        [
            position,
            _described(recheck.defect, language),
            recheck.defect.fix_measure,
            "✓" if recheck.passed else "✗",
            recheck.note,
        ]
        for position, recheck in enumerate(services.rechecks_of(record), start=1)
    ]


def _summary(record: Inspection, defects: Sequence[Defect]) -> list[tuple[Any, Any]]:
    results = record.results
    counts = {
        verdict: sum(result.verdict == verdict for result in results) for verdict in ("pass", "fail", "na")
    }
    return [
        (_("Items"), len(results) or ""),
        (_("Passed"), counts["pass"] if results else ""),
        (_("Failed"), counts["fail"] if results else ""),
        (_("Does not apply"), counts["na"] if results else ""),
        *(
            (
                f"{level} {words.SEVERITIES[level]}",
                sum(defect.severity == level for defect in defects) if results else "",
            )
            for level in words.SEVERITIES
        ),
    ]


def rectification_notice(record: RectificationNotice, language: str) -> Mapping[str, Any]:
    """Return the values of the notice with its reply sheet and re-inspection box.

    Args:
        record: The notice.
        language: Locale of the recipient.
    """
    defects = [line.defect for line in record.lines]
    before = _Photos(defects, services.PHOTO_BEFORE, language)
    after = _Photos(defects, "after", language)
    inspections = sorted({defect.inspection.number for defect in defects if defect.inspection is not None})
    return {
        "facts": [
            (_("Notice no."), record.number),
            (_("Project"), _project_name(record, language)),
            (_("To"), record.contractor.name, True),
            (_("Issued on"), words.long_date(record.issued_at, language)),
            (_("To be finished by"), _moment(record, language)),
            (_("Basis"), _basis(inspections), True),
        ],
        "contractor": record.contractor.name,
        "deadline": words.long_date(record.deadline, language),
        "rows": [
            [
                position,
                defect.unit.code,
                words.local(defect, "room_name", language),
                f"{defect.number}\n{_title(defect, language)}",
                defect.severity,
                line.requirement or _requirement(defect, language),
                before.of(defect),
            ]
            for position, (line, defect) in enumerate(zip(record.lines, defects, strict=True), start=1)
        ],
        "note": record.note,
        "reply_rows": [
            [
                position,
                f"{defect.unit.code}\n{defect.number}",
                defect.fix_measure,
                _day(defect.fixed_at),
                after.of(defect),
                "",
            ]
            for position, defect in enumerate(defects, start=1)
        ],
        "recheck_rows": [
            [position, defect.number, *_last_recheck(defect)] for position, defect in enumerate(defects, 1)
        ],
        "issuer": record.issued_by.name if record.issued_by else "",
        "issued_on": words.long_date(record.issued_at, language),
        "receiver": record.receiver_name,
        "received_on": words.long_date(record.received_at, language),
        "penalty": record.penalty_note,
        "photos": before.entries,
        "after_photos": after.entries,
    }


def _moment(record: RectificationNotice, language: str) -> str:
    return " ".join(filter(None, (words.long_date(record.deadline, language), words.clock(record.deadline))))


def _basis(numbers: Sequence[str]) -> str:
    shown = listed(numbers[:6])
    if len(numbers) > 6:
        shown = _("%(numbers)s and %(count)d more", numbers=shown, count=len(numbers) - 6)
    return _("Inspection %(numbers)s", numbers=shown) if numbers else ""


def _requirement(defect: Defect, language: str) -> str:
    """What has to be reached: the standard of the item, or that the fault is put right."""
    if defect.result_id is not None and defect.inspection is not None:
        result = next((each for each in defect.inspection.results if each.id == defect.result_id), None)
        if result is not None:
            return words.local(result, "standard", language)
    return _("Put right as contracted, without damage to what is finished.")


def _last_recheck(defect: Defect) -> list[str]:
    if not defect.rechecks:
        return ["", "", ""]
    last = defect.rechecks[-1]
    verdict = "✓" if last.passed else "✗"
    return [
        " ".join(filter(None, (verdict, last.note))),
        last.checked_by.name if last.checked_by else "",
        _day(last.checked_at),
    ]
