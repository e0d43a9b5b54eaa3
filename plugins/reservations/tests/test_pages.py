"""The desk, the forms and the papers, as a browser asks for them."""

from __future__ import annotations

import datetime as dt
import html
import re

import pytest
import sqlalchemy as sa

from core.toolkit import db, local_today, preview_document
from plugins.reservations import documents, panels, services
from plugins.reservations.models import Booking, DayPlan, NotificationRule, Purpose, Resource, Slot
from plugins.reservations.tests.conftest import customer, slot


@pytest.fixture
def booked(place, scope_of) -> int:
    with scope_of("admin", "group"):
        made = services.book(
            slot(place), customer=customer(place), guests=2, contact_phone="13900139000", wishes="轮椅"
        )
        db.session.commit()
        return made.id


@pytest.fixture
def clerk(sign_in, place):
    return sign_in("admin", "group")


def day_of(place, system, number: int = 0) -> str:
    with system():
        return services.local_date(slot(place, number)).isoformat()


def test_the_day_shows_who_comes_and_takes_what_happens(place, booked, clerk, system):
    day = day_of(place, system)
    page = clerk.get(f"/admin/reservations/desk/?project={place.project_id}&day={day}").text
    assert "轮椅" in page
    assert "1 / 2" in page
    answer = clerk.post(f"/admin/reservations/desk/step/?id={booked}", data={"step": "arrive"})
    assert answer.status_code == 303
    clerk.post(f"/admin/reservations/desk/step/?id={booked}", data={"step": "finish"})
    with system():
        assert db.session.get_one(Booking, booked).state == "done"
    again = clerk.post(f"/admin/reservations/desk/step/?id={booked}", data={"step": "finish"})
    assert again.status_code == 303
    assert clerk.post(f"/admin/reservations/desk/step/?id={booked}", data={"step": "x"}).status_code == 404


def test_the_day_leads_to_the_form_of_its_slot_and_to_the_waiting_list_of_a_full_one(place, clerk, system):
    with system():
        full = db.session.get_one(Slot, place.slot_ids[1])
        full.booked = full.capacity
        db.session.commit()
    page = clerk.get(f"/admin/reservations/desk/?project={place.project_id}&day={day_of(place, system)}").text
    links = [html.unescape(each) for each in re.findall(r'class="desk-book" href="([^"]*)"', page)]
    chosen = [form_of(clerk, each) for each in links[:2]]
    assert [each["slot_id"] for each in chosen] == [str(key) for key in place.slot_ids[:2]]
    ticks = [re.search(r'<input[^>]*name="wait"[^>]*>', clerk.get(each).text) for each in links[:2]]
    assert ["checked" in tick[0] for tick in ticks if tick] == [False, True]


def test_the_page_of_a_slot_says_who_comes(place, booked, clerk, system):
    page = clerk.get(f"/admin/reservations/slots/details/?id={place.slot_ids[0]}").text
    with system():
        booking = db.session.get_one(Booking, booked)
        assert booking.number in page
        assert booking.name in page
        number = booking.number
    assert number not in clerk.get(f"/admin/reservations/slots/details/?id={place.slot_ids[1]}").text


def test_the_lists_of_slots_and_days_begin_with_today_until_that_is_taken_away(place, clerk, system):
    with system():
        today, late = local_today(), db.session.get_one(Slot, place.slot_ids[-1])
        past = db.session.get_one(Slot, place.slot_ids[0])
        past.starts_at -= dt.timedelta(days=9)
        past.ends_at -= dt.timedelta(days=9)
        past.note, late.note = "早先的时段", "晚些的时段"
        db.session.commit()
    page = clerk.get("/admin/reservations/slots/").text
    assert "晚些的时段" in page
    assert "早先的时段" not in page
    assert f'value="{today}"' in page
    everything = re.findall(r'href="(/admin/reservations/slots/\?[^"]*)">全部清除', page)
    assert "早先的时段" in clerk.get(html.unescape(everything[0])).text
    assert f'value="{today}"' in clerk.get("/admin/reservations/days/").text


def test_phone_numbers_are_masked_for_who_may_not_see_them(place, booked, clerk, system, monkeypatch):
    day = day_of(place, system)
    address = f"/admin/reservations/desk/?project={place.project_id}&day={day}"
    assert "13900139000" in clerk.get(address).text
    monkeypatch.setattr("plugins.reservations.admin.sees_personal_data", lambda: False)
    page = clerk.get(address).text
    assert "轮椅" in page
    assert "13900139000" not in page


@pytest.mark.parametrize(
    "query", ["", "?day=nonsense", "?day=0001-01-01", "?day=9999-12-31", "?day=2026-02-30&project=1"]
)
def test_any_day_can_be_asked_for(place, clerk, query):
    for page in ("", "week/"):
        assert clerk.get(f"/admin/reservations/desk/{page}{query}").status_code == 200


@pytest.mark.parametrize("key", ["99999", "x", "1.5", "9223372036854775808"])
def test_missing_rows_answer_404(place, clerk, key):
    for address in (f"desk/?project={key}", f"desk/move/?id={key}", f"desk/setup/?id={key}"):
        assert clerk.get(f"/admin/reservations/{address}").status_code == 404


def test_the_week_shows_how_full_each_slot_is(place, booked, clerk, system):
    day = day_of(place, system)
    page = clerk.get(f"/admin/reservations/desk/week/?project={place.project_id}&day={day}").text
    assert "1/2" in page
    assert page.count("09:00") >= 1


def test_slots_are_planned_on_a_page_and_what_was_typed_is_kept(place, clerk, system):
    address = f"/admin/reservations/desk/plan/?project={place.project_id}"
    first = local_today() + dt.timedelta(days=30)
    values = {
        "resource": place.resource_id,
        "purpose": place.purpose_id,
        "first": first.isoformat(),
        "last": first.isoformat(),
        "weekdays": [str(day) for day in range(1, 8)],
        "minutes": "30",
    }
    wrong = clerk.post(address, data={**values, "last": (first - dt.timedelta(days=1)).isoformat()})
    assert wrong.status_code == 422
    assert 'value="30"' in wrong.text
    assert clerk.post(address, data={**values, "resource": "999"}).status_code == 422
    assert clerk.post(address, data={**values, "minutes": "x"}).status_code == 422
    assert clerk.post(address, data=values).status_code == 303
    with system():
        made = sa.select(sa.func.count(Slot.id)).where(Slot.starts_at >= services.day_bounds(first)[0])
        assert db.session.scalar(made) == 12


def form_of(client, address: str, **values: str) -> dict[str, str]:
    page = client.get(address).text
    hidden = dict(re.findall(r'<input[^>]*type="hidden"[^>]*name="([a-z_]+)"[^>]*value="([^"]*)"', page))
    return {**hidden, **values}


def test_a_booking_is_made_from_a_free_slot_and_changed(place, clerk, system):
    address = f"/admin/reservations/bookings/new/?slot={place.slot_ids[0]}"
    assert clerk.get(address).status_code == 200
    values = form_of(
        clerk,
        address,
        slot_id=str(place.slot_ids[0]),
        customer_id=str(place.customer_ids[0]),
        guests="2",
        source="phone",
        rings="2",
        contact_phone="139 0013 9000",
    )
    assert clerk.post(address, data={**values, "guests": "99"}).status_code == 422
    assert clerk.post(address, data={**values, "contact_phone": "12"}).status_code == 422
    assert clerk.post(address, data=values).status_code in (302, 303)
    with system():
        made = db.session.scalar(sa.select(Booking))
        assert (made.guests, made.contact_phone, made.rings) == (2, "13900139000", 2)
        key = made.id
    page = clerk.get(f"/admin/reservations/bookings/details/?id={key}").text
    assert "13900139000" in page


def test_a_booking_is_moved_on_a_page(place, booked, clerk, system):
    address = f"/admin/reservations/desk/move/?id={booked}"
    page = clerk.get(address).text
    assert f'name="slot" value="{place.slot_ids[3]}"' in page
    assert f'name="slot" value="{place.slot_ids[0]}"' not in page
    assert clerk.post(address, data={"slot": str(place.slot_ids[0])}).status_code == 200
    assert clerk.post(address, data={"slot": "x"}).status_code == 404
    assert clerk.post(address, data={"slot": str(place.slot_ids[3])}).status_code == 303
    with system():
        assert db.session.get_one(Booking, booked).slot_id == place.slot_ids[3]


def test_the_checklist_is_filled_in_on_the_phone(place, booked, clerk, system):
    with system():
        keys = [check.id for check in db.session.get_one(Booking, booked).setup_checks]
    address = f"/admin/reservations/desk/setup/?id={booked}"
    assert "60 cm" in clerk.get(address).text
    data = {f"passed_{keys[0]}": "pass", f"passed_{keys[1]}": "fail", f"measured_{keys[1]}": "2 支"}
    assert clerk.post(address, data=data).status_code == 303
    with system():
        checks = db.session.get_one(Booking, booked).setup_checks
        assert [(check.passed, check.measured) for check in checks] == [(True, ""), (False, "2 支")]


def test_the_papers_are_laid_out(place, booked, scope_of):
    with scope_of("admin", "group"):
        booking = db.session.get_one(Booking, booked)
        day = db.session.scalar(sa.select(DayPlan).where(DayPlan.day == services.local_date(booking.slot)))
        day.note = "雨天备伞架"
        for language in ("zh_Hans_CN", "en"):
            assert preview_document("reservations.booking_form", booking, language)[:4] == b"%PDF"
            assert preview_document("reservations.setup_sheet", booking, language)[:4] == b"%PDF"
            assert preview_document("reservations.day_sheet", day, language)[:4] == b"%PDF"


def test_the_desk_and_the_sheet_of_the_day_count_the_same_seats(place, booked, clerk, system, monkeypatch):
    with system():
        begun = slot(place).starts_at + dt.timedelta(minutes=1)
        monkeypatch.setattr(services, "utc_now", lambda: begun)
        day = db.session.scalar(sa.select(DayPlan).where(DayPlan.day == services.local_date(slot(place))))
        sheet = [str(value) for _label, value in documents.day_sheet(day, "en")["facts"]]
    page = clerk.get(f"/admin/reservations/desk/?project={place.project_id}&day={day_of(place, system)}").text
    # Of six slots with two seats each one has begun, with one of its seats free.
    assert sheet[-1] == "10"
    assert "<dt>剩余席位</dt><dd><b>10</b>" in page.replace("\n", "")


def test_purposes_resources_and_rules_are_kept_on_pages(place, clerk, system):
    address = "/admin/reservations/resources/new/"
    values = form_of(
        clerk,
        address,
        project_id=str(place.project_id),
        code="R1",
        name="会议室",
        kind="room",
        capacity="1",
        most_guests="20",
        opening_text="1-5 09:00-12:00",
        closed_text="2026-10-01",
        active="y",
    )
    wrong = clerk.post(address, data={**values, "opening_text": "soon"})
    assert (wrong.status_code, "soon" in wrong.text) == (422, True)
    assert clerk.post(address, data=values).status_code in (302, 303)
    with system():
        room = db.session.scalar(sa.select(Resource).where(Resource.code == "R1"))
        assert (room.opening["5"], room.closed_days) == ([["09:00", "12:00"]], ["2026-10-01"])
        key = room.id
    assert "1-5 09:00-12:00" in clerk.get(f"/admin/reservations/resources/edit/?id={key}").text
    assert "周一至周五 09:00–12:00" in clerk.get(f"/admin/reservations/resources/details/?id={key}").text
    assert "座椅间距 | 60 cm" in clerk.get(f"/admin/reservations/purposes/edit/?id={place.purpose_id}").text
    address = "/admin/reservations/rules/new/"
    values = form_of(
        clerk, address, project_id=str(place.project_id), event="booked", guests_from="3", active="y"
    )
    assert clerk.post(address, data=values).status_code == 422
    assert clerk.post(address, data={**values, "role_code": "eng"}).status_code in (302, 303)
    with system():
        assert db.session.scalar(sa.select(NotificationRule.id).where(NotificationRule.role_code == "ENG"))
        assert db.session.get_one(Purpose, place.purpose_id).setup_items


def test_the_calendar_has_an_entry_for_each_slot_with_bookings(place, booked, running_app, scope_of):
    with running_app.test_request_context(), scope_of("admin", "group"):
        start = services.day_bounds(local_today())[0]
        (entry,) = panels.calendar(start, start + dt.timedelta(days=30), False)
        assert entry.starts_at == slot(place).starts_at
        assert len(panels.calendar(start, start + dt.timedelta(days=30), True)) == 1
        assert panels.calendar(start - dt.timedelta(days=9), start, False) == []
