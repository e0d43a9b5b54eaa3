"""Delivery notices and reminders: fees by rule, the issued letter, the owner's personal link, the message."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pikepdf
import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from core.toolkit import (
    LOCAL_ZONE,
    Customer,
    DocumentRefused,
    Job,
    JobRun,
    LaidOut,
    LinkRefused,
    MadeLink,
    PlannedLink,
    Secret,
    StepFailed,
    Text,
    TransitionRefused,
    Unit,
    _,
    _l,
    db,
    enqueue_job,
    issue_document,
    lay_out_document,
    lazy_ngettext,
    local_today,
    make_link,
    owners_of,
    plan_link,
    reach,
    read_document,
    require_scope,
    send_message,
    utc_now,
)
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import HandoverBatch, HandoverUnit
from plugins.handover.preparation.models import DeliveryLetter, FeeRule, LetterKind
from plugins.handover.preparation.services import appointments, charges

JOB = "handover.letters"
LINK = "handover.delivery"
"""Purpose of the personal link on which an owner reads the notice and books."""
MESSAGES = {LetterKind.NOTICE: "handover.delivery_notice", LetterKind.REMINDER: "handover.delivery_reminder"}
DOCUMENTS = {LetterKind.NOTICE: "handover.delivery_notice", LetterKind.REMINDER: "handover.delivery_reminder"}
SENDABLE = {
    LetterKind.NOTICE: ("planned", "notified", "booked", "not_contactable", "absent", "entrusted"),
    LetterKind.REMINDER: ("notified", "booked", "not_contactable", "absent", "entrusted"),
}
"""States in which a house gets the letter: its owner has not come yet."""
MOST = 2_000
"""Houses in one job."""
LINK_DAYS = 90

_address: ContextVar[str | None] = ContextVar("handover_letter_address", default=None)


@contextmanager
def _carrying(address: str) -> Iterator[None]:
    """Let the letter that is laid out inside carry an address; it exists only while the link is made."""
    token = _address.set(address)
    try:
        yield
    finally:
        _address.reset(token)


def address_on_letter() -> str:
    """Return the address that the letter carries as a QR code; "" for a draft, or when the owner has no telephone."""
    return _address.get() or ""


def will_have_code(place: HandoverUnit) -> bool:
    """Return whether a letter that is only looked at will carry a code when it is written: an owner has a telephone."""
    return _address.get() is None and any(owner.phone for owner in owners_of(place.unit))


def may_issue(place: HandoverUnit, kind: LetterKind) -> str | None:
    """Return why the document of a letter cannot be issued, a full sentence, or None.

    It is issued only where the letter is written, see :func:`write`: there it gets the owner's link, the fees are
    entered, and it is noted that it was sent. A letter that was issued beside that would have none of the three.

    Args:
        place: The house in its batch.
        kind: Which letter.
    """
    if _address.get() is None:
        return _("Write it under “Letters, calls and appointment”: there it gets the code of the owner.")
    return refusal(place, kind, owners_of(place.unit))


@dataclass(frozen=True)
class Preview:
    """What a letter to the owners of a house would say.

    Attributes:
        place: The house in its batch.
        owners: Who gets it.
        lines: The fee list.
        total: Sum of its amounts, in yuan.
        refusal: Why it cannot be sent, a full sentence; None when it can.
        has_phone: Whether an owner can get the message with the link.
    """

    place: HandoverUnit
    owners: Sequence[Customer]
    lines: Sequence[charges.FeeLine]
    total: Decimal
    refusal: str | None
    has_phone: bool


def places_of(batch: HandoverBatch, keys: Sequence[int] | None = None) -> Sequence[HandoverUnit]:
    """Return houses of a batch by their code: those with these keys, or all."""
    query = (
        sa.select(HandoverUnit)
        .join(Unit, Unit.id == HandoverUnit.unit_id)
        .where(HandoverUnit.batch_id == batch.id)
        .options(joinedload(HandoverUnit.unit).joinedload(Unit.building))
        .order_by(Unit.code)
        .limit(MOST + 1)
    )
    if keys is not None:
        query = query.where(HandoverUnit.id.in_(keys))
    return db.session.scalars(query).all()


def preview(places: Sequence[HandoverUnit], kind: LetterKind) -> list[Preview]:
    """Return what the letters to several houses would say; nothing is written.

    Args:
        places: Houses of one batch.
        kind: Which letter.
    """
    rules = charges.rules_of(places[0].project_id) if places else []
    return [_preview(place, kind, rules) for place in places]


def _preview(place: HandoverUnit, kind: LetterKind, rules: Sequence[FeeRule]) -> Preview:
    owners = owners_of(place.unit)
    lines = charges.fee_lines(place, rules)
    return Preview(
        place,
        owners,
        lines,
        sum((line.amount for line in lines if line.amount is not None), Decimal(0)),
        refusal(place, kind, owners),
        any(owner.phone for owner in owners),
    )


def refusal(place: HandoverUnit, kind: LetterKind, owners: Sequence[Customer]) -> str | None:
    """Return why a letter cannot be sent to a house, a full sentence, or None.

    Args:
        place: The house in its batch.
        kind: Which letter.
        owners: Its owners.
    """
    from plugins.handover.workflows import HANDOVER_UNIT

    if place.batch.delivery_on is None:
        return _("The batch has no contract delivery date.")
    if not owners:
        return _("%(unit)s has no owner.", unit=place.unit.code)
    if place.state not in SENDABLE[kind]:
        return _(
            "%(unit)s is “%(state)s”; the letter is for houses whose owner is still to come.",
            unit=place.unit.code,
            state=str(HANDOVER_UNIT.state_of(place).label),
        )
    if kind == LetterKind.REMINDER and place.notice_sent_at is None:
        return _("%(unit)s has had no delivery notice yet.", unit=place.unit.code)
    return None


def start(
    batch: HandoverBatch,
    keys: Sequence[int],
    kind: LetterKind,
    *,
    by_message: bool,
    by_letter: bool,
    nonce: str | None = None,
) -> Job:
    """Start the job that writes the letters to houses of a batch: fees, document, link, message, and the state.

    Args:
        batch: The batch.
        keys: The houses in it.
        kind: Which letter.
        by_message: Whether each owner gets the message with his link.
        by_letter: Whether the letters are put together into a file for printing.
        nonce: Names one sending of a form: the second sending returns the same job.

    Raises:
        HandoverRuleError: No house is chosen, there are too many, or neither way is.
    """
    if not keys:
        raise HandoverRuleError(_("Tick the houses whose owners get the letter first."))
    if len(keys) > MOST:
        raise HandoverRuleError(_("Send at most %(most)d letters at a time.", most=MOST))
    if not by_message and not by_letter:
        raise HandoverRuleError(_("Choose the message, the letter for the post, or both."))
    return enqueue_job(
        JOB,
        {
            "batch_id": batch.id,
            "keys": [int(key) for key in keys],
            "kind": str(kind),
            "by_message": by_message,
            "by_letter": by_letter,
        },
        title=title_of(batch, kind),
        dedupe_key=f"{JOB}:{nonce}" if nonce else None,
    )


def title_of(batch: HandoverBatch, kind: LetterKind) -> Text:
    """Return what the job is called."""
    if kind == LetterKind.REMINDER:
        return _l("Reminders of %(batch)s", batch=batch.code)
    return _l("Delivery notices of %(batch)s", batch=batch.code)


def run(run: JobRun) -> None:
    """Write the letters of a job, a house a step; each is laid out before its step holds up anybody."""
    payload: Mapping[str, Any] = run.payload
    kind = LetterKind(payload["kind"])
    keys = [int(key) for key in payload["keys"]]

    def one(key: int) -> None:
        code: object = key
        try:
            with run.reading():
                place = _place(key)
                code = place.unit.code
                ahead = lay_out(place, kind)
            _letter, content = write(
                _place(key),
                kind,
                by_message=payload["by_message"],
                by_letter=payload["by_letter"],
                ahead=ahead,
            )
        except (HandoverRuleError, TransitionRefused, DocumentRefused) as refused:
            raise StepFailed(str(refused), subject=code) from refused
        run.keep(f"letter-{key}", content)

    run.each(keys, one, name=lambda key: key)
    made = [content for key in keys if (content := run.kept(f"letter-{key}")) is not None]
    if made and payload["by_letter"]:
        run.result(
            f"{_file_name(kind)} {local_today():%Y%m%d} {len(made)}.pdf", "application/pdf", _joined(made)
        )
    run.outcome(lazy_ngettext("%(num)d letter is written.", "%(num)d letters are written.", len(made)))


def _place(key: int) -> HandoverUnit:
    place = db.session.scalar(sa.select(HandoverUnit).where(HandoverUnit.id == key))
    if place is None:
        raise HandoverRuleError(_("This house does not exist any more, or you may not see it any more."))
    return place


def _file_name(kind: LetterKind) -> str:
    return _("Delivery notices") if kind == LetterKind.NOTICE else _("Reminders")


def _joined(letters: Sequence[bytes]) -> bytes:
    target = io.BytesIO()
    with pikepdf.new() as whole:
        for letter in letters:
            with pikepdf.open(io.BytesIO(letter)) as part:
                whole.pages.extend(part.pages)
        whole.save(target)
    return target.getvalue()


@dataclass(frozen=True)
class Ahead:
    """A letter that was laid out before it is written.

    Attributes:
        link: The address that stands on it.
        laid_out: Its pages.
    """

    link: PlannedLink
    laid_out: LaidOut


def lay_out(place: HandoverUnit, kind: LetterKind) -> Ahead:
    """Lay out a letter as :func:`write` will issue it, with the fees and the code that it gets there; write nothing.

    Args:
        place: The house in its batch.
        kind: Which letter.

    Raises:
        HandoverRuleError: It cannot be sent.
        DocumentRefused: The document cannot be issued.
    """
    owners = owners_of(place.unit)
    _require_sendable(place, kind, owners)
    planned = plan_link()
    with _carrying(planned.address if any(owner.phone for owner in owners) else ""):
        return Ahead(planned, lay_out_document(DOCUMENTS[kind], place, _language_of(owners)))


def _require_sendable(place: HandoverUnit, kind: LetterKind, owners: Sequence[Customer]) -> None:
    reason = refusal(place, kind, owners)
    if reason is not None:
        raise HandoverRuleError(reason)


def _language_of(owners: Sequence[Customer]) -> str:
    return owners[0].language or "zh_Hans_CN"


def write(
    place: HandoverUnit,
    kind: LetterKind,
    *,
    by_message: bool = True,
    by_letter: bool = True,
    ahead: Ahead | None = None,
) -> tuple[DeliveryLetter, bytes]:
    """Write one letter: enter the fees, make the links, issue the document, put the messages into the outbox, and note
    that the notice was sent.

    Args:
        place: The house in its batch.
        kind: Which letter.
        by_message: Whether each owner with a telephone gets the message with his link.
        by_letter: Whether it also goes by post.
        ahead: What :func:`lay_out` returned; it is laid out once more when the house has changed since.

    Returns:
        The letter, and its document as PDF.

    Raises:
        HandoverRuleError: It cannot be sent.
        DocumentRefused: The document cannot be issued.

    Source: domain reference 3.3.3, 5.6.4; touchpoint TP-E01.
    """
    owners = owners_of(place.unit)
    _require_sendable(place, kind, owners)
    charges.charge(place)
    db.session.expire(place, ["fees"])
    number = 1 + int(
        db.session.scalar(
            sa.select(sa.func.max(DeliveryLetter.number)).where(
                DeliveryLetter.handover_unit_id == place.id, DeliveryLetter.kind == kind
            )
        )
        or 0
    )
    links: dict[int, MadeLink] = {}
    for owner in owners:
        # The paper shows the first one.
        made = _link(place, owner, ahead.link if ahead is not None and not links else None)
        if made is not None:
            links[owner.id] = made
    first = next(iter(links.values()), None)
    with _carrying(first.address if first is not None else ""):
        issued = issue_document(
            DOCUMENTS[kind], place, _language_of(owners), ahead.laid_out if ahead is not None else None
        )
    letter = DeliveryLetter(
        project_id=place.project_id,
        handover_unit_id=place.id,
        kind=kind,
        number=number,
        sent_at=utc_now(),
        sent_by_id=require_scope().user_id,
        document_number=issued.number,
        by_message=by_message and bool(links),
        by_letter=by_letter,
    )
    db.session.add(letter)
    db.session.flush()
    if by_message:
        for owner in owners:
            if owner.id in links:
                _send(letter, place, owner, links[owner.id])
    _note_sent(letter, place, owners[0])
    return letter, read_document(issued)


def _link(place: HandoverUnit, owner: Customer, planned: PlannedLink | None) -> MadeLink | None:
    try:
        return make_link(LINK, place, owner, days=LINK_DAYS, planned=planned)
    except LinkRefused:
        # Without a telephone number nobody could prove that the link is his; the letter goes by post.
        return None


def _send(letter: DeliveryLetter, place: HandoverUnit, owner: Customer, made: MadeLink) -> None:
    day = place.batch.delivery_on
    send_message(
        MESSAGES[LetterKind(letter.kind)],
        owner,
        {"link": Secret(made.address), "day": day.isoformat() if day else ""},
        dedupe_key=f"handover.letter:{letter.id}:{owner.id}",
        record=place,
        unit=place.unit,
    )


def _note_sent(letter: DeliveryLetter, place: HandoverUnit, owner: Customer) -> None:
    from plugins.handover.services.day import take_step

    if place.state == "planned":
        take_step(place, "notify", {})
        place.notice_sent_at = letter.sent_at
    elif letter.kind == LetterKind.NOTICE:
        place.notice_sent_at = place.notice_sent_at or letter.sent_at
    if letter.kind == LetterKind.REMINDER or letter.number > 1:
        reach(
            "TP-E01",
            "handover.notified",
            _l(
                "House %(unit)s: letter %(number)s was sent.",
                unit=place.unit.code,
                number=letter.document_number,
            ),
            happened_at=letter.sent_at,
            customer=owner,
            unit=place.unit,
            record_kind="handover.unit",
            record_id=place.id,
        )
    db.session.flush()


def letters_of(place: HandoverUnit) -> Sequence[DeliveryLetter]:
    """Return the letters to the owners of a house, the newest first."""
    return db.session.scalars(
        sa.select(DeliveryLetter)
        .where(DeliveryLetter.handover_unit_id == place.id)
        .order_by(DeliveryLetter.id.desc())
    ).all()


def note_receipt(place: HandoverUnit, name: str, at: dt.datetime | None = None) -> None:
    """Note that the owner has the newest letter, and with it the notice; the first receipt counts.

    Args:
        place: The house in its batch.
        name: Who received it.
        at: When; now when omitted.

    Raises:
        HandoverRuleError: Nothing was sent.
    """
    if place.notice_sent_at is None:
        raise HandoverRuleError(_("No delivery notice was sent for %(unit)s.", unit=place.unit.code))
    moment = at or utc_now()
    newest = next(iter(letters_of(place)), None)
    if newest is not None and newest.received_at is None:
        newest.received_at, newest.received_by = moment, name.strip()[:80]
    if place.notice_received_at is None:
        place.notice_received_at = moment
    db.session.flush()


def note_tracking(letter: DeliveryLetter, tracking_number: str) -> None:
    """Note the number under which the post carries a letter.

    Raises:
        HandoverRuleError: It is missing, or the letter did not go by post.
    """
    if not letter.by_letter:
        raise HandoverRuleError(_("This letter did not go by post."))
    if not tracking_number.strip():
        raise HandoverRuleError(_("Write the number of the express letter."))
    letter.tracking_number = tracking_number.strip()[:40]
    db.session.flush()


def latest_day(batch: HandoverBatch) -> dt.date | None:
    """Return the latest day for the notices of a batch: a fixed number of days before T (touchpoint TP-E01)."""
    from core.toolkit import setting

    if batch.delivery_on is None:
        return None
    return batch.delivery_on - dt.timedelta(days=int(setting("handover", "notice_days_latest")))


def sent_late(letter: DeliveryLetter, batch: HandoverBatch) -> bool:
    """Return whether a notice left later than the latest day."""
    day = latest_day(batch)
    return day is not None and letter.sent_at.astimezone(LOCAL_ZONE).date() > day


def booked_title(place: HandoverUnit) -> str:
    """Return the booked slot of a house in words, or "" when there is none."""
    return appointments.title_of(place)
