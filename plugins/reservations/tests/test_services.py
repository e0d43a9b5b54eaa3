"""The rules of slots and bookings (domain reference 4.5)."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
import sqlalchemy as sa

from core.toolkit import (
    LOCAL_ZONE,
    Project,
    TimelineEntry,
    Todo,
    TransitionRefused,
    Unit,
    db,
    local_today,
    utc_now,
)
from plugins.reservations import services
from plugins.reservations.errors import ReservationRuleError, SlotFullError
from plugins.reservations.models import Booking, DayPlan, Purpose, Resource, Slot
from plugins.reservations.tests.conftest import customer, slot


def book(place, number=0, who=0, **values) -> Booking:
    return services.book(slot(place, number), customer=customer(place, who), **values)


def begin(chosen: Slot) -> None:
    """Let a slot have begun an hour ago and not be over."""
    chosen.starts_at = utc_now() - dt.timedelta(hours=1)
    chosen.ends_at = utc_now() + dt.timedelta(hours=1)
    db.session.flush()


def test_a_plan_is_days_times_hours_and_making_it_twice_adds_nothing(place, system):
    with system():
        assert len(place.slot_ids) == 12
        starts = [
            slot(place, number).starts_at.astimezone(LOCAL_ZONE).strftime("%H:%M") for number in range(6)
        ]
        assert starts == ["09:00", "10:00", "11:00", "14:00", "15:00", "16:00"]
        desk, purpose = (
            db.session.get_one(Resource, place.resource_id),
            db.session.get_one(Purpose, place.purpose_id),
        )
        first = local_today() + dt.timedelta(days=2)
        assert services.plan_slots(desk, purpose, first, first + dt.timedelta(days=1)) == 0
        later = first + dt.timedelta(days=7)
        desk.closed_days = [later.isoformat()]
        assert services.plan_slots(desk, purpose, later, later + dt.timedelta(days=1), minutes=90) == 4
        weekday = (later + dt.timedelta(days=2)).isoweekday()
        again = services.plan_slots(
            desk, purpose, later, later + dt.timedelta(days=6), weekdays=[weekday], capacity=5
        )
        assert again == 6
        assert db.session.scalar(sa.select(sa.func.count(DayPlan.id))) == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"minutes": 4},
        {"capacity": 0},
        {"weekdays": []},
        {"days": -1},
        {"days": 400},
        {"days": 360, "minutes": 5},
    ],
)
def test_an_impossible_plan_is_refused(place, system, wrong):
    with system():
        desk, purpose = (
            db.session.get_one(Resource, place.resource_id),
            db.session.get_one(Purpose, place.purpose_id),
        )
        first = local_today()
        last = first + dt.timedelta(days=wrong.pop("days", 3))
        with pytest.raises(ReservationRuleError):
            services.plan_slots(desk, purpose, first, last, **wrong)


def test_what_is_full_blocked_or_too_small_is_not_offered(place, system):
    with system():
        project = db.session.get_one(Project, place.project_id)
        offered = services.offer_slots(project, "handover")
        assert [each.id for each in offered] == list(place.slot_ids)
        book(place, 0, 0)
        book(place, 0, 1)
        book(place, 1, 0, guests=5)
        services.set_blocked(slot(place, 2), True, "培训")
        ids = [each.id for each in services.offer_slots(project, "handover", guests=4)]
        assert ids == list(place.slot_ids[3:])
        assert place.slot_ids[1] in [each.id for each in services.offer_slots(project, "handover", guests=3)]
        assert services.offer_slots(project, "nothing") == []
        db.session.get_one(Purpose, place.purpose_id).lead_hours = 24 * 3
        early = services.offer_slots(project, "handover", for_customer=True)
        assert len(early) < len(services.offer_slots(project, "handover"))


def test_a_full_slot_takes_nobody_and_a_waiting_list_moves_up_in_order(place, system):
    with system():
        first, second = book(place, 0, 0), book(place, 0, 1, guests=3)
        with pytest.raises(SlotFullError):
            book(place, 0, 2)
        large = services.book(slot(place), contact_name="大家庭", guests=8, wait=True)
        waiting = book(place, 0, 2, guests=2, wait=True)
        assert (large.state, waiting.state) == ("waiting", "waiting")
        assert (slot(place).booked, slot(place).guests) == (2, 4)
        services.cancel(second, "改期")
        # Eight people do not fit beside one; who comes after them does.
        assert (large.state, waiting.state) == ("waiting", "requested")
        assert (slot(place).booked, slot(place).guests) == (2, 3)
        services.cancel(first, "不来了")
        services.cancel(waiting, "不来了")
        assert large.state == "requested"
        todos = db.session.scalars(sa.select(Todo.title)).all()
        assert sum(waiting.number in str(title) for title in todos) == 1
        with pytest.raises(TransitionRefused):
            services.cancel(waiting, "")


def test_raising_the_capacity_lets_who_waits_move_up_and_lowering_it_is_refused(place, system):
    with system():
        book(place, 0, 0)
        book(place, 0, 1)
        waiting = book(place, 0, 2, wait=True)
        services.set_capacity(slot(place), 3)
        assert (waiting.state, slot(place).booked) == ("requested", 3)
        with pytest.raises(ReservationRuleError):
            services.set_capacity(slot(place), 2)
        with pytest.raises(ReservationRuleError):
            services.set_capacity(slot(place), 3, 2)
        assert slot(place).capacity == 3


def test_moving_gives_the_old_seat_away_and_asks_for_a_new_confirmation(place, system):
    with system():
        moved = services.confirm(book(place, 0, 0, guests=2))
        book(place, 0, 1)
        waiting = book(place, 0, 2, wait=True)
        assert (moved.state, moved.read_back_at is not None) == ("notified", True)
        services.move(moved, slot(place, 1), "客户要求")
        assert (moved.state, moved.read_back_at, moved.moved_count) == ("requested", None, 1)
        assert (slot(place, 1).booked, slot(place, 1).guests) == (1, 2)
        assert (waiting.state, slot(place).booked) == ("requested", 2)
        with pytest.raises(ReservationRuleError):
            services.move(moved, slot(place, 1))
        services.book(slot(place, 2), contact_name="甲")
        services.book(slot(place, 2), contact_name="乙")
        with pytest.raises(SlotFullError):
            services.move(moved, slot(place, 2))
        assert (moved.slot_id, slot(place, 1).booked) == (place.slot_ids[1], 1)


@pytest.mark.parametrize(
    "wrong",
    [{"guests": 0}, {"guests": 11}, {"contact_name": " ", "customer": None}, {"unit": "foreign"}],
)
def test_what_is_wrong_with_a_booking_is_said(place, world, system, wrong):
    with system():
        if "unit" in wrong:
            wrong = {"unit": db.session.get_one(Unit, world.foreign.unit_ids[0])}
        values = {"customer": customer(place), **wrong}
        with pytest.raises(ReservationRuleError):
            services.book(slot(place), **values)


def test_nobody_books_twice_and_a_second_press_finds_the_first(place, system):
    with system():
        first = book(place, client_key="aaaabbbb")
        assert book(place, client_key="aaaabbbb").id == first.id
        with pytest.raises(ReservationRuleError, match=first.number):
            book(place)
        assert slot(place).booked == 1
        services.cancel(first, "改期")
        assert book(place).id != first.id


def test_what_is_over_is_not_booked(place, system):
    with system():
        chosen = slot(place)
        chosen.starts_at, chosen.ends_at = (
            utc_now() - dt.timedelta(hours=2),
            utc_now() - dt.timedelta(hours=1),
        )
        db.session.flush()
        with pytest.raises(ReservationRuleError):
            book(place)
        assert services.book_afterwards(chosen, contact_name="未预约").state == "requested"


def test_the_day_runs_from_the_read_back_to_the_end(place, system):
    with system():
        booking = book(place, guests=2, unit=db.session.get_one(Unit, place.unit_ids[0]))
        words = dict(services.read_back(booking))
        assert len(words) == 7
        assert str(booking.guests) in words.values()
        assert booking.unit.code in words.values()
        services.confirm(booking)
        assert booking.state == "notified"
        with pytest.raises(TransitionRefused):
            services.stay_away(booking)
        services.arrive(booking)
        with pytest.raises(TransitionRefused):
            services.cancel(booking, "too late")
        services.finish(booking)
        assert (booking.state, booking.arrived_at <= booking.done_at) == ("done", True)
        lines = db.session.scalars(
            sa.select(TimelineEntry.summary).where(TimelineEntry.record_kind == "reservations.booking")
        ).all()
        assert len(lines) == 2


def test_who_did_not_come_is_noted_once_the_slot_has_begun(place, system):
    with system():
        booking = book(place)
        begin(slot(place))
        assert services.stay_away(booking).state == "no_show"
        assert slot(place).booked == 1


@pytest.mark.parametrize(
    ("guests", "wishes", "told"),
    [(2, "", {"PM"}), (6, "", {"PM", "PCM"}), (2, "轮椅", {"PM", "CCS"}), (8, "轮椅", {"PM", "PCM", "CCS"})],
)
def test_who_is_told_depends_on_size_and_wishes(place, system, guests, wishes, told):
    with system():
        booking = services.confirm(book(place, guests=guests, wishes=wishes))
        roles = set(db.session.scalars(sa.select(Todo.role).where(Todo.title.contains(booking.number))))
        assert roles == told
        services.cancel(booking, "不来了")
        owners = db.session.scalars(
            sa.select(Todo.owner_id).where(Todo.title.contains(booking.number), Todo.state == "open")
        ).all()
        assert len(owners) == 1
        assert owners[0] is not None


def test_without_a_rule_nobody_is_told_and_the_booking_stays_confirmed(place, system):
    with system():
        db.session.execute(sa.delete(services.NotificationRule))
        booking = services.confirm(book(place))
        assert booking.state == "confirmed"
        with pytest.raises(ReservationRuleError):
            services.notify(booking)


def test_more_people_need_room_and_a_new_confirmation(place, system):
    with system():
        booking = services.confirm(book(place, guests=2))
        book(place, 0, 1, guests=5)
        values = {"contact_name": "林岚", "contact_phone": "", "wishes": ""}
        with pytest.raises(SlotFullError):
            services.change_booking(booking, guests=4, **values)
        db.session.rollback()


def test_a_change_of_people_is_counted(place, system):
    with system():
        booking = services.confirm(book(place, guests=2))
        services.change_booking(
            booking, guests=4, contact_name="林岚", contact_phone="139 0013 9000", wishes="轮椅"
        )
        assert (booking.state, booking.read_back_at, slot(place).guests) == ("requested", None, 4)
        assert booking.contact_phone == "13900139000"


def test_what_is_unchanged_is_no_change(place, system):
    """Saving what was booked, however it is written, neither asks the customer again nor empties what was left out."""
    with system():
        booking = services.confirm(book(place, guests=2, contact_phone="13900139000", wishes="轮椅"))
        state, read_back_at = booking.state, booking.read_back_at
        services.change_booking(
            booking,
            guests=2,
            contact_name=f" {booking.contact_name} ",
            contact_phone="139 0013 9000",
            wishes="轮椅 ",
        )
        services.change_booking(booking)
        assert (booking.state, booking.read_back_at) == (state, read_back_at)
        services.change_booking(booking, guests=3)
        assert (booking.state, booking.guests, slot(place).guests) == ("requested", 3, 3)
        assert (booking.contact_phone, booking.wishes) == ("13900139000", "轮椅")


def test_the_checklist_is_copied_so_that_old_records_never_change(place, system):
    with system():
        booking = book(place)
        services.set_setup_items(db.session.get_one(Purpose, place.purpose_id), [("别的", "")])
        assert [(check.text, check.measure) for check in booking.setup_checks] == [
            ("座椅间距", "60 cm"),
            ("签字笔", "3 支"),
        ]
        check = services.check_setup(booking.setup_checks[0], False, "55 cm")
        assert check.checked_at is not None
        services.cancel(booking, "不来了")
        with pytest.raises(ReservationRuleError):
            services.check_setup(check, True)


def test_another_module_hears_of_the_changes_of_its_bookings(place, system, monkeypatch):
    heard = []
    monkeypatch.setattr(services, "_listeners", {})
    services.listen("reservations", "handover.unit", lambda change: heard.append(change))
    services.listen("contractors", "handover.unit", lambda change: pytest.fail("it is switched off"))
    with system():
        booking = book(place, reference=("handover.unit", 7))
        book(place, 1, 1, reference=("other.kind", 7))
        services.confirm(booking)
        services.move(booking, slot(place, 3))
        services.cancel(booking, "改期")
        assert [each.what for each in heard] == ["booked", "confirmed", "moved", "cancelled"]
        assert heard[2].slot_before.id == place.slot_ids[0]
        assert services.bookings_of(("handover.unit", 7)) == []
        assert [each.id for each in services.bookings_of(("handover.unit", 7), active=False)] == [booking.id]


def test_what_a_listener_raises_undoes_the_change(place, system, monkeypatch):
    monkeypatch.setattr(services, "_listeners", {})

    def refuse(change):
        raise ReservationRuleError("no")

    services.listen("reservations", "handover.unit", refuse)
    with system(), pytest.raises(ReservationRuleError):
        book(place, reference=("handover.unit", 7))


def test_the_figures_are_those_of_a_count_by_hand(place, system):
    with system():
        begin(slot(place, 0))
        begin(slot(place, 1))
        came = services.confirm(book(place, 0, 0, guests=3, rings=2))
        services.arrive(came)
        stayed_away = book(place, 0, 1, rings=5)
        services.stay_away(stayed_away)
        services.cancel(book(place, 1, 0, rings=3), "不来了")
        services.confirm(book(place, 1, 1, guests=2))
        services.check_setup(came.setup_checks[0], True)
        services.check_setup(came.setup_checks[1], False)
        found = services.figures(local_today() - dt.timedelta(days=1), local_today() + dt.timedelta(days=1))
        rows = list(db.session.scalars(sa.select(Booking)))
        seated = [row for row in rows if row.state not in ("cancelled", "waiting")]
        assert found == services.Figures(
            booked=len(seated),
            guests=sum(row.guests for row in seated),
            answered=sum(row.rings <= 3 for row in rows if row.rings is not None),
            calls=sum(row.rings is not None for row in rows),
            read_back=sum(row.read_back_at is not None for row in seated),
            to_read_back=len(seated),
            no_show=1,
            over=2,
            setup_passed=1,
            setup_checked=2,
            overbooked=0,
        )
        assert (found.booked, found.guests, found.answered, found.read_back) == (3, 6, 2, 2)


def test_merging_and_erasing_leave_the_figures(place, world, system):
    with system():
        booking = book(place, contact_name="林岚", contact_phone="13900139000", wishes="轮椅")
        kept, merged = place.customer_ids[1], place.customer_ids[0]
        services.move_to_customer(kept, merged)
        assert booking.customer_id == kept
        assert services.of_customer(kept)[0]["contact_phone"] == "13900139000"
        services.erase_of_customer(kept)
        assert (booking.contact_name, booking.contact_phone, booking.wishes) == ("", "", "")
        assert slot(place).booked == 1


def test_a_project_with_bookings_is_not_deleted(place, system):
    with system():
        book(place, unit=db.session.get_one(Unit, place.unit_ids[0]))
        assert services.uses_of("core.unit", place.unit_ids[0])
        assert services.uses_of("core.project", place.project_id)
        assert services.uses_of("core.unit", place.unit_ids[1]) == []
        assert services.uses_of("core.building", 1) == []


def test_many_who_book_at_the_same_moment_never_overbook(place, running_app, world, system):
    """Twelve book the same slot for two at once, and half of them cancel again at once."""
    from core.testing.scoping import acting_as

    taken, refused, broken = [], [], []
    start = threading.Barrier(12)

    def one(number: int) -> None:
        try:
            with acting_as(running_app, world.users["admin"], world.departments["group"]):
                start.wait(20)
                try:
                    made = services.book(
                        db.session.get_one(Slot, place.slot_ids[0]), contact_name=f"客{number}"
                    )
                    db.session.commit()
                    taken.append(made.id)
                except SlotFullError:
                    db.session.rollback()
                    refused.append(number)
        except Exception as error:
            broken.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert broken == []
    assert (len(taken), len(refused)) == (2, 10)
    with system():
        chosen = slot(place)
        assert (chosen.booked, chosen.guests) == (2, 2)
        held = sa.select(sa.func.count(Booking.id)).where(Booking.slot_id == chosen.id)
        assert db.session.scalar(held.where(Booking.state == "requested")) == 2
