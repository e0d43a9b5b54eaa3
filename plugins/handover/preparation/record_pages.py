"""What the pages of batches and of their houses do for the preparation; the views of the back office inherit it."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response

from core.toolkit import (
    LOCAL_ZONE,
    SaveRefused,
    User,
    _,
    _l,
    bulk_action,
    commit,
    db,
    expose_guarded,
    ngettext,
    strict_id,
    users_with,
)
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import HandoverBatch, HandoverUnit
from plugins.handover.preparation import words
from plugins.handover.preparation.models import ContactMeans, DeliveryLetter, LetterKind
from plugins.handover.preparation.services import appointments, charges, contacts, letters, plan, risks


def typed(name: str, longest: int = 200) -> str:
    """Return what was typed into a field, cleaned and cut."""
    return request.form.get(name, "").replace("\0", "").strip()[:longest]


def typed_moment(name: str) -> dt.datetime | None:
    """Return the moment in China that was typed into a field, in UTC; None when it is none.

    Args:
        name: The field, of the kind ``datetime-local``.
    """
    try:
        moment = dt.datetime.fromisoformat(typed(name, 20))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=LOCAL_ZONE)).astimezone(dt.UTC)


def _person(place: HandoverUnit, text: str) -> User | None:
    key = strict_id(text)
    if key is None:
        return None
    known = users_with("handover.inspect", [place.project_id])
    found = db.session.scalar(known.where(User.id == key))
    if found is None:
        raise HandoverRuleError(_("Choose who accompanies the owner from the list."))
    return found


def _nonce() -> str | None:
    nonce = typed("nonce", 43)
    return nonce if len(nonce) >= 20 and nonce.isascii() else None


def _as_read(row: letters.Preview) -> list[tuple[int, str]]:
    """Return by what houses stand in the order of floors: 3-1-801 before 3-1-1001."""
    parts = row.place.unit.code.split("-")
    return [(int(part), "") if part.isascii() and part.isdigit() else (0, part) for part in parts]


def letters_page(
    view: Any,
    batch: HandoverBatch,
    places: Sequence[HandoverUnit],
    kind: LetterKind,
    house: HandoverUnit | None = None,
) -> Any:
    """Show what the letters to some houses of a batch would say, and let the user start them.

    Args:
        view: The view that answers.
        batch: The batch.
        places: The houses.
        kind: Which letter.
        house: The only house, when the page is about one.
    """
    shown = sorted(letters.preview(places[: letters.MOST], kind), key=_as_read)
    return view.render(
        "handover/preparation/letters.html",
        batch=batch,
        house=house,
        kind=kind,
        kinds=words.LETTERS,
        rows=shown,
        ready=[row for row in shown if row.refusal is None],
        refused=[row for row in shown if row.refusal is not None],
        paper=letters.DOCUMENTS[kind],
        too_many=len(places) > letters.MOST,
        most=letters.MOST,
        has_rules=bool(charges.rules_of(batch.project_id)),
        latest=letters.latest_day(batch),
        fee_title=words.fee_title,
        local=words.local,
        nonce=secrets.token_urlsafe(24),
        missing=[
            label
            for name, label in (
                ("place", _("where the owners come to")),
                ("contact_phone", _("the telephone of the contact")),
                ("complaint_phone", _("the complaint line")),
                ("account", _("the account for the fees")),
                ("opens_on", _("the concentrated days")),
            )
            if not getattr(batch, name)
        ],
    )


class BatchPreparation:
    """What the page of a batch does for the preparation."""

    get_one: Any
    carry_out: Any
    address: Any
    render: Any

    @expose_guarded("/make-plan/", permission="handover.plan", methods=("POST",))
    def make_plan(self) -> Response:
        """Add the steps of the timetable that the plan of a batch does not have, and the points of the risk check."""
        record = self.get_one(request.args.get("id"))
        made: list[Any] = []

        def make() -> None:
            made.extend(plan.make_plan(record))
            risks.make_list(record)

        answer: Response = self.carry_out(
            record,
            make,
            lambda: ngettext("%(num)d task was added.", "%(num)d tasks were added.", len(made)),
        )
        return answer

    @expose_guarded("/letters/", permission="handover.send_letters")
    def letters(self) -> Any:
        """Show what the letters to all houses of a batch would say."""
        record = self.get_one(request.args.get("id"))
        kind = LetterKind.REMINDER if request.args.get("kind") == LetterKind.REMINDER else LetterKind.NOTICE
        places = letters.places_of(record)
        if kind == LetterKind.REMINDER:
            places = [place for place in places if place.state in letters.SENDABLE[kind]]
        return letters_page(self, record, places, kind)

    @expose_guarded("/send-letters/", permission="handover.send_letters", methods=("POST",))
    def send_letters(self) -> Response:
        """Start the job that writes the letters to the ticked houses of a batch."""
        record = self.get_one(request.args.get("id"))
        kind = LetterKind.REMINDER if typed("kind", 10) == LetterKind.REMINDER else LetterKind.NOTICE
        keys = [key for text in request.form.getlist("place")[: letters.MOST + 1] if (key := strict_id(text))]
        try:
            own = [place.id for place in letters.places_of(record, keys)]
            job = letters.start(
                record,
                own,
                kind,
                by_message=request.form.get("by_message") == "1",
                by_letter=request.form.get("by_letter") == "1",
                nonce=_nonce(),
            )
            key = job.id
            commit()
        except (HandoverRuleError, SaveRefused) as refused:
            db.session.rollback()
            flash(str(refused), "error")
            back = strict_id(request.args.get("id"))
            return redirect(self.address("letters", id=back, kind=str(kind)), 303)
        flash(_("The letters are being written; this page shows how far they are."), "success")
        return redirect(url_for("jobs.details", job_id=key), 303)


class HousePreparation:
    """What the page of a house in a batch does for the preparation."""

    get_one: Any
    carry_out: Any
    address: Any
    render: Any

    @bulk_action("letters", _l("Delivery notices…"))
    def letters_of_chosen(self, records: Sequence[HandoverUnit]) -> Any:
        """Show what the notices to the chosen houses would say."""
        batches = {record.batch_id for record in records}
        if len(batches) != 1:
            return _("Choose houses of one batch; each batch has its own date and place.")
        batch = records[0].batch
        places = letters.places_of(batch, [record.id for record in records])
        return letters_page(self, batch, places, LetterKind.NOTICE)

    @expose_guarded("/letter/", permission="handover.send_letters")
    def letter(self) -> Any:
        """Show what the letter to the owners of this house would say; it is written by the same step as those of a
        batch."""
        record = self.get_one(request.args.get("id"))
        kind = LetterKind.REMINDER if request.args.get("kind") == LetterKind.REMINDER else LetterKind.NOTICE
        return letters_page(self, record.batch, letters.places_of(record.batch, [record.id]), kind, record)

    @expose_guarded("/contact/", permission="handover.contact_owners", methods=("POST",))
    def contact(self) -> Response:
        """Note an attempt to reach the owner."""
        record = self.get_one(request.args.get("id"))

        def note() -> None:
            means = typed("means", 10)
            if means not in words.MEANS:
                raise HandoverRuleError(_("Choose how you tried to reach the owner."))
            moment = typed_moment("at")
            if typed("at") and moment is None:
                raise HandoverRuleError(_("Write when it was, for example 2026-11-28 14:30."))
            contacts.note_attempt(
                record,
                ContactMeans(means),
                reached=request.form.get("reached") == "1",
                note=typed("note", 1000),
                at=moment,
            )

        answer: Response = self.carry_out(record, note, _("The attempt is noted."))
        return answer

    @expose_guarded("/book/", permission="handover.plan", methods=("POST",))
    def book(self) -> Response:
        """Book a slot, or a moment where there are no slots; a second booking moves the first."""
        record = self.get_one(request.args.get("id"))

        def book() -> None:
            engineer = _person(record, typed("engineer_id", 20))
            if appointments.uses_slots():
                key = strict_id(typed("slot", 20))
                if key is None:
                    raise HandoverRuleError(_("Choose a time."))
                appointments.book_slot(record, key, guests=_guests(), engineer=engineer)
                return
            moment = typed_moment("booked_for")
            if moment is None:
                raise HandoverRuleError(_("Write when the owner comes, for example 2026-11-28 14:30."))
            appointments.book_moment(record, moment, engineer)

        answer: Response = self.carry_out(
            record, book, lambda: _("Booked: %(when)s.", when=appointments.title_of(record))
        )
        return answer

    @expose_guarded("/cancel-booking/", permission="handover.plan", methods=("POST",))
    def cancel_booking(self) -> Response:
        """Cancel the appointment."""
        record = self.get_one(request.args.get("id"))
        reason = typed("reason", 500)

        def cancel() -> None:
            if not reason:
                raise HandoverRuleError(_("Say why the appointment is cancelled."))
            appointments.cancel(record, reason)

        answer: Response = self.carry_out(record, cancel, _("The appointment is cancelled."))
        return answer

    @expose_guarded("/engineer/", permission="handover.plan", methods=("POST",))
    def engineer(self) -> Response:
        """Say who accompanies the owner."""
        record = self.get_one(request.args.get("id"))
        answer: Response = self.carry_out(
            record,
            lambda: appointments.assign_engineer(record, _person(record, typed("engineer_id", 20))),
            _("It is noted who accompanies the owner."),
        )
        return answer

    @expose_guarded("/settle-area/", permission="handover.settle_fees", methods=("POST",))
    def settle_area(self) -> Response:
        """Compute the area settlement of a house; it becomes a fee."""
        record = self.get_one(request.args.get("id"))
        answer: Response = self.carry_out(
            record,
            lambda: charges.compute_area(record),
            _("The area difference is settled as the survey says."),
        )
        return answer

    @expose_guarded("/charge/", permission="handover.settle_fees", methods=("POST",))
    def charge(self) -> Response:
        """Enter the fees of a house by the rules of its project."""
        record = self.get_one(request.args.get("id"))
        made: list[Any] = []
        answer: Response = self.carry_out(
            record,
            lambda: made.extend(charges.charge(record)),
            lambda: ngettext(
                "%(num)d fee was entered or changed.", "%(num)d fees were entered or changed.", len(made)
            ),
        )
        return answer

    @expose_guarded("/tracking/", permission="handover.send_letters", methods=("POST",))
    def tracking(self) -> Response:
        """Note the number of the express letter."""
        record = self.get_one(request.args.get("id"))
        key = strict_id(typed("letter_id", 20))
        letter = db.session.scalar(
            sa.select(DeliveryLetter).where(
                DeliveryLetter.id == key, DeliveryLetter.handover_unit_id == record.id
            )
        )

        def note() -> None:
            if letter is None:
                raise HandoverRuleError(_("This house has no such letter. Reload the page."))
            letters.note_tracking(letter, typed("tracking_number", 40))

        answer: Response = self.carry_out(record, note, _("The number is noted."))
        return answer


def _guests() -> int:
    text = typed("guests", 4)
    return int(text) if text.isdecimal() and int(text) else 1
