"""Links, public pages and reports of gateways: every state of a token against every page, and the guards taken out."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest
import sqlalchemy as sa

import core.admin.links
import core.admin.message_reports
import core.database.scope
import core.machinery.links.services
import core.machinery.messages.channels as channels
from core.database.scope import all_departments, use_scope
from core.database.types import utc_now
from core.extensions import db
from core.machinery.attachments import services as attachments
from core.machinery.attachments.models import Attachment
from core.machinery.links import services as links
from core.machinery.links.models import PersonalLink
from core.machinery.messages.models import Message
from core.machinery.messages.outgoing import Recipient
from core.plugin_system.runtime import current_runtime
from core.timeline.models import TimelineEntry
from tests.integration.authorisation.scene import Scene, picture

PURPOSE = "handover.confirm_notice"
TAIL = "4321"
STATES: dict[str, dict[str, Any]] = {
    "open": {},
    "expired": {"expires_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)},
    "used": {"uses_allowed": 1, "uses": 1},
    "revoked": {"revoked_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)},
    "closed": {"failures": 5},
    "of another purpose": {"purpose": "core.no_such_purpose"},
}


@dataclass
class Desk:
    """Links in every state, and a browser of a visitor.

    Attributes:
        scene: The stage of the matrix.
        made: Row id and token by state.
    """

    scene: Scene
    made: dict[str, tuple[int, str]]

    def visitor(self) -> Any:
        """Return a browser without any cookie."""
        browser = self.scene.app.test_client()
        browser.sends_csrf = True
        return browser

    def page(self, state: str) -> str:
        """Return the address of the page of a link."""
        return f"/contractor/notice/{self.made[state][0]}"

    def enter(self, browser: Any, state: str, fact: str = TAIL) -> int:
        """Open a link and give the second fact; return the status of the answer."""
        browser.get(f"/l/{self.made[state][1]}")
        answer = browser.post(f"/l/enter/{self.made[state][0]}", data={"fact": fact, "agree": "y"})
        return int(answer.status_code)

    def forged(self, state: str, **facts: Any) -> str:
        """Return the pass of a link as the application would write it, whatever the link's state."""
        with self.scene.app.test_request_context(), all_departments("a test"):
            link = db.session.get_one(PersonalLink, self.made[state][0])
            return links.write_pass(link, proved=True, **facts)

    def put(self, state: str, **values: Any) -> None:
        """Set a link back to its state."""
        with self.scene.app.app_context(), db.engine.begin() as connection:
            connection.execute(
                sa.update(PersonalLink.__table__)
                .where(PersonalLink.__table__.c.id == self.made[state][0])
                .values(**values)
            )


@pytest.fixture
def desk(scene: Scene) -> Desk:
    from plugins.handover.models import RectificationNotice

    made = {}
    with scene.app.test_request_context(), all_departments("links for the matrix"):
        notice = db.session.get_one(RectificationNotice, scene.records.key(RectificationNotice, "own"))
        notice.state, notice.issued_at = "issued", utc_now()
        db.session.flush()
        for state, values in STATES.items():
            link, address = links.make_link(PURPOSE, notice, Recipient("王工", phone=f"1380000{TAIL}"))
            made[state] = (link.id, address.rpartition("/")[2])
            for name, value in values.items():
                setattr(link, name, value)
        db.session.commit()
    scene.remember()
    yield Desk(scene, made)
    with scene.app.app_context():
        scene.ledger.undo(scene.ledger.changes(everywhere=True))


# --- What notices


def tokens(desk: Desk) -> list[str]:
    """Every state of a token × arriving, entering and the page with a proved pass: only the open one lets through."""
    faults = []
    for state in STATES:
        is_open = state == "open"
        browser = desk.visitor()
        arrived = browser.get(f"/l/{desk.made[state][1]}")
        if (arrived.status_code == 303) != is_open:
            faults.append(f"{state}: arriving answers {arrived.status_code}")
        name = f"doorstep_link_{desk.made[state][0]}"
        browser.set_cookie(name, desk.forged(state))
        shown = browser.get(desk.page(state))
        if (shown.status_code == 200) != is_open or ("王工" in shown.text) != is_open:
            faults.append(f"{state}: the page answers {shown.status_code}")
        sent = browser.post(desk.page(state), data={"receiver_name": "X"})
        if sent.status_code != (422 if is_open else 404):
            faults.append(f"{state}: sending answers {sent.status_code}")
    return faults


def strangers(desk: Desk) -> list[str]:
    """Without a pass, with that of another link, with one of another key, or unproved, nothing shows."""
    faults = []
    passes = {
        "none": "",
        "garbage": "abc.def.ghi",
        "of another link": desk.forged("expired"),
        "unproved": None,
    }
    for words, text in passes.items():
        browser = desk.visitor()
        if text is None:
            browser.get(f"/l/{desk.made['open'][1]}")
        elif text:
            browser.set_cookie(f"doorstep_link_{desk.made['open'][0]}", text)
        for method in ("get", "post"):
            answer = getattr(browser, method)(desk.page("open"))
            if "王工" in answer.text or answer.status_code not in (200, 404):
                faults.append(f"{words}: {method} shows the page")
            if answer.status_code == 200 and text is not None:
                faults.append(f"{words}: {method} is answered like a visitor")
    return faults


def tries(desk: Desk) -> list[str]:
    """Of ten thousand possible answers five may be tried."""
    statuses = [desk.enter(desk.visitor(), "open", f"{number:04d}") for number in range(8)]
    right = desk.enter(desk.visitor(), "open")
    desk.put("open", failures=0)
    return [] if right == 404 and statuses.count(422) == 4 else [f"{statuses}, then {right}"]


def neighbours(desk: Desk) -> list[str]:
    """A visit sees rows of its project, and of customers its own alone; it may write no row of another."""
    world = desk.scene.world
    with desk.scene.app.test_request_context(), all_departments("rows of neighbours"):
        for customer_id in world.own.customer_ids[:2]:
            db.session.add(
                TimelineEntry(
                    kind="core.test",
                    component="core",
                    summary="x",
                    project_id=world.own.project_id,
                    customer_id=customer_id,
                )
            )
        db.session.commit()
    own = world.own.customer_ids[0]
    scope = core.database.scope.Scope(
        project_ids=frozenset({world.own.project_id}),
        department_ids=frozenset({world.departments["group"]}),
        customer_ids=frozenset({own}),
    )
    faults = []
    from core.customers.models import Customer, CustomerUnit

    with desk.scene.app.test_request_context(), use_scope(scope):
        for model in (Customer, CustomerUnit, TimelineEntry):
            column = model.id if model is Customer else model.customer_id
            seen = set(db.session.scalars(sa.select(column))) - {None}
            if seen != {own}:
                faults.append(f"{model.__name__} of {sorted(seen)} are seen")
        entry = TimelineEntry(
            kind="core.test",
            component="core",
            summary="x",
            project_id=world.own.project_id,
            customer_id=world.own.customer_ids[1],
        )
        db.session.add(entry)
        try:
            db.session.flush()
            faults.append("a row of a neighbour is written")
        except core.database.scope.ScopeError:
            pass
        db.session.rollback()
    return faults


def reports(desk: Desk) -> list[str]:
    """A report that is not signed, signed by somebody else, or old changes nothing."""
    from tests.integration.authorisation.attempts import SYSTEM

    with desk.scene.app.test_request_context(), use_scope(SYSTEM):
        key = desk.scene.records.key(Message, "own")
        row = db.session.get_one(Message, key)
        body = json.dumps({"key": row.idempotency_key, "status": "delivered"}).encode()
    with db_of(desk), mock.patch.dict(desk.scene.app.config, {"SMS_GATEWAY_SECRET": "ours"}):
        faults = []
        now = int(time.time())
        for words, signature in {
            "no": "",
            "another's": channels.signature_of("theirs", now, body),
            "an old": channels.signature_of("ours", now - 3600, body),
        }.items():
            browser = desk.visitor()
            browser.sends_csrf = False
            answer = browser.post(
                "/messages/reports/sms",
                data=body,
                headers={"Content-Type": "application/json", channels.SIGNATURE: signature},
            )
            if answer.status_code != 403:
                faults.append(f"{words} signature is answered {answer.status_code}")
        return faults


@contextlib.contextmanager
def db_of(desk: Desk) -> Any:
    yield desk


def machines(desk: Desk) -> list[str]:
    """A form without its ticket, with one of another link, too quick, or with the hidden field filled is refused."""
    browser = desk.visitor()
    if desk.enter(browser, "open") != 303:
        return ["the visitor cannot enter"]
    with desk.scene.app.test_request_context():
        old = core.admin.links._tickets()
        foreign = old.dumps([desk.made["open"][0] + 1, PURPOSE, "n" * 32])
        quick = old.dumps([desk.made["open"][0], PURPOSE, "n" * 32])
    faults = []
    for words, data in {
        "no ticket": {},
        "a foreign ticket": {"ticket": foreign},
        "a quick form": {"ticket": quick},
        "a filled trap": {"ticket": quick, "website": "x"},
    }.items():
        answer = browser.post(desk.page("open"), data={"receiver_name": "X", **data})
        if answer.status_code != 422:
            faults.append(f"{words} is answered {answer.status_code}")
    return faults


def photos(desk: Desk) -> list[str]:
    """A visitor sees the photos that the purpose names and his visit reaches; nobody else sees them by the link."""
    from plugins.handover.models import RectificationNotice

    scene = desk.scene
    with scene.app.test_request_context(), all_departments("photos for the matrix"):
        notice = db.session.get_one(RectificationNotice, scene.records.key(RectificationNotice, "own"))
        named = attachments.attach(notice, io.BytesIO(picture()), "named.png")
        removed = attachments.attach(notice, io.BytesIO(picture()), "removed.png")
        attachments.remove(removed)
        db.session.commit()
        keys = {
            "named": named.id,
            "removed": removed.id,
            "of the project, but not named": scene.attachments["own"],
            "named, but of another project": scene.attachments["foreign"],
        }
    shown = [keys["named"], keys["removed"], keys["named, but of another project"]]

    def of_visit(_visit: Any) -> list[Attachment]:
        with all_departments("a careless plugin"):
            return list(db.session.scalars(sa.select(Attachment).where(Attachment.id.in_(shown))))

    faults = []
    link_id = desk.made["open"][0]
    purpose = current_runtime(scene.app).declared.link_purpose(PURPOSE)
    visitor, unproved, late = desk.visitor(), desk.visitor(), desk.visitor()
    entered = desk.enter(visitor, "open")
    unproved.get(f"/l/{desk.made['open'][1]}")
    late.set_cookie(f"doorstep_link_{desk.made['revoked'][0]}", desk.forged("revoked"))
    with mock.patch.dict(vars(purpose), {"photos": of_visit}):
        for words, key in keys.items():
            for tail in ("", "/thumbnail"):
                status = visitor.get(f"/l/photo/{link_id}/{key}{tail}").status_code
                if status != (200 if words == "named" else 404):
                    faults.append(f"{words}{tail}: answered {status} after {entered}")
        for words, browser, link in (
            ("a stranger", desk.visitor(), link_id),
            ("who has not given the second fact", unproved, link_id),
            ("who comes by a revoked link", late, desk.made["revoked"][0]),
        ):
            status = browser.get(f"/l/photo/{link}/{keys['named']}").status_code
            if status != 404:
                faults.append(f"{words}: answered {status}")
    status = visitor.get(f"/l/photo/{link_id}/{keys['named']}").status_code
    if status != 404:
        faults.append(f"of a purpose that shows none: answered {status}")
    return faults


CHECKS = (tokens, strangers, tries, neighbours, reports, machines, photos)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_nothing_gets_past(check: Callable[[Desk], list[str]], desk: Desk) -> None:
    assert check(desk) == []


# --- What is taken out


@dataclass(frozen=True)
class Mutant:
    """A guard that is taken out, and what must notice."""

    name: str
    target: Any
    attribute: str
    value: Any
    check: Callable[[Desk], list[str]]


def _unsigned(text: str, link_id: int) -> Any:
    return {"link": link_id, "mark": _mark(link_id), "proved": True}


def _mark(link_id: int) -> str:
    with all_departments("a guard mutant"):
        found = db.session.scalar(sa.select(PersonalLink.token_hash).where(PersonalLink.id == link_id))
    return (found or "")[:16]


def _any_purpose(link_id: int, text: str, *, purpose: str | None = None) -> Any:
    return _VISIT_OF(link_id, text, purpose=None)


_VISIT_OF = links.visit_of
_VISIT = links._visit


def _always_proved(link: Any, held: Any) -> Any:
    from dataclasses import replace

    visit = _VISIT(link, held)
    return replace(visit, proved=True) if visit is not None else None


def _all_photos(_visit: Any) -> list[Attachment]:
    return list(db.session.scalars(sa.select(Attachment).where(Attachment.removed_at.is_(None))))


def _open_photos(keys: Any) -> list[Attachment]:
    with all_departments("a guard mutant"):
        return _SEEN_AMONG(keys)


_SEEN_AMONG = attachments.seen_among


MUTANTS = (
    Mutant("closed links are open", links, "state_of", lambda _link: "open", tokens),
    Mutant("passes are not checked", links, "read_pass", _unsigned, strangers),
    Mutant("the second fact is not asked", links, "_visit", _always_proved, strangers),
    Mutant("photos show before the second fact", links, "_visit", _always_proved, photos),
    Mutant("photos show by closed links", links, "state_of", lambda _link: "open", photos),
    Mutant("photos that are not named show", core.admin.links, "photos_of", _all_photos, photos),
    Mutant("photos out of reach show", attachments, "seen_among", _open_photos, photos),
    Mutant("tries are not counted", links, "_count_try", lambda _key: True, tries),
    Mutant(
        "visits see their neighbours",
        core.database.scope,
        "_of_visitors",
        lambda _model, _scope, criterion: criterion,
        neighbours,
    ),
    Mutant(
        "visits write rows of neighbours",
        core.database.scope,
        "_names_another_customer",
        lambda _row, _scope: None,
        neighbours,
    ),
    Mutant("reports need no signature", channels, "is_signed", lambda *_: True, reports),
    Mutant("reports never grow old", channels, "SIGNATURE_AGE", 10**6, reports),
    Mutant("forms need no ticket", core.admin.links.PublicForm, "_complaint", lambda _self: None, machines),
    Mutant("forms may be sent at once", core.admin.links, "SHORTEST_SECONDS", 0, machines),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_guard_is_missed_when_it_is_gone(mutant: Mutant, desk: Desk) -> None:
    """With the guard the check is silent (see above); without it the check speaks."""
    with mock.patch.object(mutant.target, mutant.attribute, mutant.value):
        found = mutant.check(desk)
    assert found, f"Nothing noticed that {mutant.name}."
    assert current_runtime(desk.scene.app) is not None
