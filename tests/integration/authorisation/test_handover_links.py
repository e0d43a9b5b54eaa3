"""The links of the handover, to an owner and to a contractor: what each opens, and the guards taken out."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest
import sqlalchemy as sa

import core.admin.links
import plugins.handover.preparation.public
import plugins.handover.services
from core.customers.models import Customer, CustomerUnit
from core.database.scope import all_departments
from core.database.types import utc_now
from core.extensions import db
from core.machinery.attachments import services as attachments
from core.machinery.attachments.models import Attachment
from core.machinery.links import services as links
from core.machinery.links.models import PersonalLink
from core.machinery.messages.outgoing import Recipient
from core.people.models import Department
from core.plugin_system.runtime import current_runtime
from core.projects.models import Unit
from plugins.contractors import services as contractors
from plugins.handover.models import (
    Defect,
    HandoverBatch,
    HandoverUnit,
    NoticeLine,
    RectificationNotice,
    Severity,
)
from plugins.handover.preparation.services import appointments
from plugins.reservations import services as desks
from tests.integration.authorisation.scene import Scene, picture

NOTICE, DELIVERY = "handover.confirm_notice", "handover.delivery"
TAIL = "4321"
OWN, OTHERS = "主卫地砖空鼓", "隔壁书房窗框划伤"


@dataclass
class Doors:
    """Two houses with their owners, two contractors with a notice each, and a link to each of the four.

    Attributes:
        scene: The stage of the matrix.
        links: Row, token and second fact by whose link it is.
        notices: The notice of the contractor, and that of another one.
        defects: The defect on each of them.
        houses: The house of the owner in its batch, and that of a neighbour.
        photos: A photo before the repair and a signed waiver of the own defect, and a photo of the other.
        slots: A slot that is offered for handovers, and one for something else.
    """

    scene: Scene
    links: dict[str, tuple[int, str, str]]
    notices: tuple[int, int]
    defects: tuple[int, int]
    houses: tuple[int, int]
    photos: tuple[int, int, int]
    slots: tuple[int, int]

    def page(self, whose: str) -> str:
        """Return the address of the page of a link."""
        start = "/handover-owner/delivery" if whose in ("owner", "neighbour") else "/contractor/notice"
        return f"{start}/{self.links[whose][0]}"

    def visitor(self, whose: str) -> Any:
        """Return a browser that came by a link and gave the second fact."""
        key, token, fact = self.links[whose]
        browser = self.scene.app.test_client()
        browser.sends_csrf = True
        browser.get(f"/l/{token}")
        browser.post(f"/l/enter/{key}", data={"fact": fact, "agree": "y"})
        return browser

    def forger(self, whose: str, pass_of: str) -> Any:
        """Return a browser that shows the proved pass of one link as if it were that of another."""
        with self.scene.app.test_request_context(), all_departments("a test"):
            link = db.session.get_one(PersonalLink, self.links[pass_of][0])
            written = links.write_pass(link, proved=True)
        browser = self.scene.app.test_client()
        browser.sends_csrf = True
        browser.set_cookie(f"doorstep_link_{self.links[whose][0]}", written)
        return browser

    def send(self, browser: Any, whose: str, **values: str) -> int:
        """Send the form of a page; returns the status of the answer."""
        page = self.page(whose)
        ticket = re.search(r'name="ticket"[^>]*value="([^"]+)"', browser.get(page).text)
        data = {"ticket": ticket[1] if ticket else "", "website": "", **values}
        return int(browser.post(page, data=data).status_code)


def _notice(scene: Scene, name: str, unit: Unit, words: str) -> tuple[RectificationNotice, Defect]:
    city = db.session.get_one(Department, scene.world.departments["city"])
    company = contractors.register_company(department=city, name=name, short_name=name)
    defect = Defect(
        project_id=unit.project_id,
        unit_id=unit.id,
        building_id=unit.building_id,
        number=f"DF-{name}",
        description=words,
        severity=Severity.S3,
        state="assigned",
        contractor_id=company.id,
    )
    notice = RectificationNotice(
        project_id=unit.project_id,
        contractor_id=company.id,
        number=f"ZG-{name}",
        state="received",
        issued_at=utc_now(),
    )
    db.session.add_all((defect, notice))
    db.session.flush()
    notice.lines = [NoticeLine(project_id=unit.project_id, defect_id=defect.id, position=1)]
    db.session.flush()
    return notice, defect


def _slots(unit: Unit) -> tuple[int, int]:
    """Plan a slot for handovers and one for another purpose, and return their keys."""
    opening = {str(day): [["09:00", "10:00"]] for day in range(1, 8)}
    day = utc_now().date() + dt.timedelta(days=5)
    keys = []
    for code, purpose in (
        ("JF", desks.ensure_purpose(unit.project, appointments.PURPOSE, name="交付预约")),
        ("QY", desks.ensure_purpose(unit.project, "probe", name="另一用途")),
    ):
        resource = desks.add_resource(unit.project, code=code, name=code, capacity=5, opening=opening)
        assert desks.plan_slots(resource, purpose, day, day, minutes=60) == 1
        (slot,) = desks.offer_slots(unit.project, purpose.code)
        keys.append(slot.id)
    return keys[0], keys[1]


@pytest.fixture
def doors(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[Doors]:
    monkeypatch.setattr(core.admin.links, "SHORTEST_SECONDS", 0)
    rows = scene.world.own
    with scene.app.test_request_context(), all_departments("links of the handover"):
        units = [db.session.get_one(Unit, key) for key in rows.unit_ids[:2]]
        owners = [db.session.get_one(Customer, key) for key in rows.customer_ids[:2]]
        batch = HandoverBatch(project_id=rows.project_id, code="L", name="L")
        db.session.add(batch)
        db.session.flush()
        houses = [
            HandoverUnit(
                project_id=rows.project_id,
                batch_id=batch.id,
                unit_id=unit.id,
                state="notified",
                notice_sent_at=utc_now(),
            )
            for unit in units
        ]
        db.session.add_all(houses)
        db.session.flush()
        held = [_notice(scene, name, unit, words) for name, unit, words in (
            ("甲方试装饰", units[0], OWN), ("乙方试门窗", units[1], OTHERS),
        )]  # fmt: skip
        photos = [
            attachments.attach(defect, io.BytesIO(picture()), "photo.png", slot=slot)
            for defect, slot in ((held[0][1], "before"), (held[0][1], "waiver"), (held[1][1], "before"))
        ]
        made = {}
        for whose, purpose, record, person in (
            ("contractor", NOTICE, held[0][0], Recipient("王工", phone=f"1380000{TAIL}")),
            ("another contractor", NOTICE, held[1][0], Recipient("赵工", phone=f"1380000{TAIL}")),
            ("owner", DELIVERY, houses[0], owners[0]),
            ("neighbour", DELIVERY, houses[1], owners[1]),
        ):
            link, address = links.make_link(purpose, record, person)
            made[whose] = (link.id, address.rpartition("/")[2], str(person.phone)[-4:])
        slots = _slots(units[0])
        db.session.commit()
        ready = Doors(
            scene,
            made,
            (held[0][0].id, held[1][0].id),
            (held[0][1].id, held[1][1].id),
            (houses[0].id, houses[1].id),
            (photos[0].id, photos[1].id, photos[2].id),
            slots,
        )
    scene.remember()
    yield ready
    with scene.app.app_context():
        scene.ledger.undo(scene.ledger.changes(everywhere=True))


# --- What notices


def a_link_opens_its_own_page_alone(doors: Doors) -> list[str]:
    """The proved pass of a link on the page of another purpose, and on the page of another link of its purpose."""
    faults = []
    for whose in doors.links:
        browser = doors.visitor(whose)
        if browser.get(doors.page(whose)).status_code != 200:
            faults.append(f"{whose}: the own page does not open")
        other = doors.page("owner" if "contractor" in whose else "contractor").rpartition("/")[0]
        for method in ("get", "post"):
            status = getattr(browser, method)(f"{other}/{doors.links[whose][0]}").status_code
            if status != 404:
                faults.append(f"{whose}: {method} of the page of another purpose is answered {status}")
    for whose, pass_of in (
        ("owner", "neighbour"),
        ("contractor", "another contractor"),
        ("owner", "contractor"),
        ("contractor", "owner"),
    ):
        browser = doors.forger(whose, pass_of)
        for method in ("get", "post"):
            status = getattr(browser, method)(doors.page(whose)).status_code
            if status != 404:
                faults.append(f"the pass of {pass_of} on the page of {whose}: {method} is answered {status}")
    return faults


def a_closed_link_opens_nothing(doors: Doors) -> list[str]:
    """A visit that has begun ends when its link is revoked or expires, for reading and for writing."""
    faults = []
    past = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    for whose in ("owner", "contractor"):
        for state, values in (("revoked", {"revoked_at": past}), ("expired", {"expires_at": past})):
            browser = doors.visitor(whose)
            assert browser.get(doors.page(whose)).status_code == 200
            with _altered(doors, whose, **values):
                statuses = [
                    browser.get(doors.page(whose)).status_code,
                    browser.post(doors.page(whose), data={"step": "receipt"}).status_code,
                    doors.scene.app.test_client().get(f"/l/{doors.links[whose][1]}").status_code,
                ]
            if statuses != [404, 404, 404]:
                faults.append(f"{whose}, {state}: answered {statuses}")
    return faults


@contextlib.contextmanager
def _altered(doors: Doors, whose: str, **values: Any) -> Iterator[None]:
    table = PersonalLink.__table__
    condition = table.c.id == doors.links[whose][0]
    with doors.scene.app.app_context():
        with db.engine.begin() as connection:
            held = connection.execute(sa.select(*(table.c[name] for name in values)).where(condition)).one()
            connection.execute(sa.update(table).where(condition).values(**values))
        yield
        with db.engine.begin() as connection:
            connection.execute(
                sa.update(table).where(condition).values(**dict(zip(values, held, strict=True)))
            )


def a_contractor_sees_and_answers_his_notice_alone(doors: Doors) -> list[str]:
    browser, faults = doors.visitor("contractor"), []
    text = browser.get(doors.page("contractor")).text
    if OWN not in text:
        faults.append("his own defect is missing")
    if OTHERS in text:
        faults.append("the defect of another contractor shows")
    for step, values in (("fix", {"measure": "Probe"}), ("object", {"reason": "Probe"})):
        status = doors.send(browser, "contractor", step=step, defect=str(doors.defects[1]), **values)
        if status != 422:
            faults.append(f"{step} of a defect of another contractor is answered {status}")
    with doors.scene.app.app_context(), all_departments("a test"):
        line = db.session.scalar(sa.select(NoticeLine).where(NoticeLine.notice_id == doors.notices[1]))
        assert line is not None
        if line.objection or line.defect.state != "assigned":
            faults.append("a defect of another contractor was changed")
    return faults


def a_contractor_sees_the_photos_of_his_defects(doors: Doors) -> list[str]:
    browser = doors.visitor("contractor")
    wanted = dict(zip(doors.photos, (200, 404, 404), strict=True))
    return [
        f"photo {key} of {list(wanted)} is answered {status}{ending}"
        for key, right in wanted.items()
        for ending in ("", "/thumbnail")
        if (status := browser.get(f"/l/photo/{doors.links['contractor'][0]}/{key}{ending}").status_code)
        != right
    ]


def an_owner_sees_and_books_for_his_house_alone(doors: Doors) -> list[str]:
    browser, faults = doors.visitor("owner"), []
    with doors.scene.app.app_context(), all_departments("a test"):
        own, other = (db.session.get_one(HandoverUnit, key).unit.code for key in doors.houses)
    text = browser.get(doors.page("owner")).text
    if own not in text or other in text:
        faults.append("his house is missing, or that of a neighbour shows")
    status = doors.send(browser, "owner", slot=str(doors.slots[1]), guests="2")
    if status != 422:
        faults.append(f"a slot that is for something else is answered {status}")
    if doors.send(browser, "owner", slot=str(doors.slots[0]), guests="2") != 303:
        faults.append("the slot for handovers is refused")
    with doors.scene.app.app_context(), all_departments("a test"):
        booked = [db.session.get_one(HandoverUnit, key).booked_for for key in doors.houses]
        if booked[0] is None or booked[1] is not None:
            faults.append(f"booked are {booked}")
    return faults


def an_owner_who_sold_the_house_sees_nothing(doors: Doors) -> list[str]:
    browser = doors.visitor("owner")
    table = CustomerUnit.__table__
    sold = sa.update(table).where(table.c.id == doors.scene.world.own.customer_unit_ids[0])
    with doors.scene.app.app_context(), db.engine.begin() as connection:
        connection.execute(sold.values(cancelled_on=dt.date(2026, 11, 1)))
    statuses = [
        browser.get(doors.page("owner")).status_code,
        browser.post(doors.page("owner"), data={"step": "receipt"}).status_code,
    ]
    with doors.scene.app.app_context(), db.engine.begin() as connection:
        connection.execute(sold.values(cancelled_on=None))
    return [] if statuses == [404, 404] else [f"answered {statuses}"]


CHECKS = (
    a_link_opens_its_own_page_alone,
    a_closed_link_opens_nothing,
    a_contractor_sees_and_answers_his_notice_alone,
    a_contractor_sees_the_photos_of_his_defects,
    an_owner_sees_and_books_for_his_house_alone,
    an_owner_who_sold_the_house_sees_nothing,
)


# --- What is taken out


_VISIT_OF = links.visit_of


def _any_purpose(link_id: int, text: str, *, purpose: str | None = None) -> Any:
    del purpose
    return _VISIT_OF(link_id, text)


def _unsigned(_text: str, link_id: int) -> Any:
    with all_departments("a guard mutant"):
        found = db.session.scalar(sa.select(PersonalLink.token_hash).where(PersonalLink.id == link_id))
    return {"link": link_id, "mark": (found or "")[:16], "proved": True}


def _any_line(_notice: RectificationNotice, defect_id: int | None) -> Any:
    return db.session.scalar(sa.select(NoticeLine).where(NoticeLine.defect_id == defect_id))


def _all_photos(_visit: Any) -> list[Attachment]:
    return list(db.session.scalars(sa.select(Attachment).where(Attachment.record_kind == "handover.defect")))


def _own_photos_of_all_slots(visit: Any) -> list[Attachment]:
    keys = [line.defect_id for line in visit.record.lines]
    return [photo for photo in _all_photos(visit) if photo.record_id in keys]


def _all_slots(place: HandoverUnit, **_options: Any) -> Any:
    found = desks.offer_slots(place.project, appointments.PURPOSE)
    return {utc_now().date(): [*found, *desks.offer_slots(place.project, "probe")]}


def _photos(named: Callable[[Any], Any]) -> Callable[[Doors], AbstractContextManager[Any]]:
    def patch(doors: Doors) -> AbstractContextManager[Any]:
        purpose = current_runtime(doors.scene.app).declared.link_purpose(NOTICE)
        return mock.patch.dict(vars(purpose), {"photos": named})

    return patch


def _replaced(target: Any, name: str, value: Any) -> Callable[[Doors], AbstractContextManager[Any]]:
    return lambda _doors: mock.patch.object(target, name, value)


MUTANTS: tuple[tuple[str, Callable[[Doors], AbstractContextManager[Any]], Any], ...] = (
    ("no page asks for its purpose", _replaced(links, "visit_of", _any_purpose), CHECKS[0]),
    ("passes are not checked", _replaced(links, "read_pass", _unsigned), CHECKS[0]),
    ("closed links are open", _replaced(links, "state_of", lambda _link: "open"), CHECKS[1]),
    ("any defect can be answered", _replaced(plugins.handover.services, "line_of", _any_line), CHECKS[2]),
    ("photos of all defects show", _photos(_all_photos), CHECKS[3]),
    ("signed waivers show to contractors", _photos(_own_photos_of_all_slots), CHECKS[3]),
    ("owners book what is not offered", _replaced(appointments, "offers", _all_slots), CHECKS[4]),
    (
        "former owners come in",
        _replaced(plugins.handover.preparation.public, "is_of_owner", lambda _visit: True),
        CHECKS[5],
    ),
)


# Each takes away a piece of the program, and whether that is noticed is not a question of the database.
@pytest.mark.one_database
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_only_what_a_link_is_for_opens_and_every_guard_is_missed(check: Any, doors: Doors) -> None:
    """With the guards the check is silent; without each of them it speaks."""
    assert check(doors) == []
    for name, patch, noticing in MUTANTS:
        if noticing is not check:
            continue
        doors.scene.remember()
        with patch(doors):
            found = check(doors)
        with doors.scene.app.app_context():
            doors.scene.ledger.undo(doors.scene.ledger.changes(everywhere=True))
        assert found, f"Nothing noticed that {name}."
