"""Approvals: who answers, in which order, by which amount, and what can go wrong (domain reference 3.2.3, 3.7.3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from flask_babel import force_locale
from flask_babel.speaklater import LazyString
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.database.scope import all_departments, current_scope
from core.database.types import LOCAL_ZONE, local_today, utc_now
from core.extensions import db
from core.languages import in_language
from core.machinery.approvals import asking, services
from core.machinery.approvals.documents import sheet
from core.machinery.approvals.models import ApprovalRequest, ApprovalTask, RequestState, TaskState
from core.machinery.approvals.services import ApprovalRefused, OpinionImmutable
from core.machinery.audit.models import AuditEntry
from core.machinery.clocks.working_days import working_days_after
from core.machinery.documents import services as documents
from core.machinery.messages.models import Message, MessageState
from core.machinery.todos.models import Todo, TodoState
from core.people import services as people
from core.people.models import User
from core.people.settings import set_setting
from core.plugin_system.declarations import ApprovalBand, ApprovalKind, ApprovalStep
from core.plugin_system.runtime import current_runtime
from core.projects.models import Unit
from core.testing.scoping import acting_as
from core.testing.world import PASSWORD

CALLED: list[str] = []


def _noting(what: str) -> Callable[[Any, ApprovalRequest], None]:
    return lambda record, request: CALLED.append(f"{what} {record.code} {request.round_number}")


PLAN = ApprovalKind(
    "core.sample_plan",
    "Signing plan",
    "core.unit",
    "projects.view",
    steps=(
        ApprovalStep("marketing", "Marketing", 10, "MKT"),
        ApprovalStep("finance", "Finance", 10, "FIN"),
        ApprovalStep("lawyer", "Lawyer", 20, person=lambda unit: LAWYER.get("id")),
    ),
    bands=(
        ApprovalBand("manager", "Customer-service manager", "PCM", "group", "limit_1"),
        ApprovalBand("deputy", "Deputy general manager", "APR", "city", "limit_2"),
        ApprovalBand("city", "City general manager", "HEAD", "city", "limit_3"),
        ApprovalBand("region", "Regional president", "HEAD", "region"),
    ),
    barred_roles=("FIN",),
    facts=lambda unit: [("House", unit.code), ("Households", 200)],
    approved=_noting("approved"),
    rejected=_noting("rejected"),
    withdrawn=_noting("withdrawn"),
    reopened=_noting("reopened"),
)
LAWYER: dict[str, int] = {}
LIMITS = {"limit_1": Decimal(20_000), "limit_2": Decimal(50_000), "limit_3": Decimal(200_000)}
STAFF = {
    "marketing": ("MKT", "group"),
    "finance": ("FIN", "group"),
    "lawyer": ("LEG", "group"),
    "manager": ("PCM", "group"),
    "deputy": ("APR", "city"),
    "city": ("HEAD", "city"),
    "region": ("HEAD", "region"),
    "foreign_finance": ("FIN", "other_group"),
    "stand_in": ("ENG", "group"),
}


def in_words(chinese: str, english: str) -> LazyString:
    """What ``_l()`` returns, without a catalogue."""
    return LazyString(lambda: in_language(chinese, english))


@dataclass
class Office:
    """The staff of the sample kind."""

    app: Any
    world: Any
    ids: dict[str, int]

    def as_(self, name: str) -> AbstractContextManager[Any]:
        return acting_as(self.app, self.ids.get(name) or self.world.users[name])

    def unit(self) -> Unit:
        return db.session.get_one(Unit, self.world.own.unit_ids[0])

    def ask(self, amount: str = "18000", note: str = "集中签约") -> int:
        with self.as_("engineer"):
            key = services.request_approval(PLAN.code, self.unit(), Decimal(amount), note=note).id
            db.session.commit()
        return key

    def request(self, key: int) -> ApprovalRequest:
        return db.session.get_one(ApprovalRequest, key, populate_existing=True)

    def answer(
        self, key: int, name: str, verdict: str = "approve", opinion: str = "同意", **more: Any
    ) -> None:
        with self.as_(name):
            waiting = services.open_tasks_for_me(self.request(key))
            assert waiting, f"nothing waits for {name}"
            task = waiting[0].task
            services.approve(task, opinion) if verdict == "approve" else services.reject(
                task, opinion, **more
            )
            db.session.commit()

    def state(self, key: int) -> tuple[str, int, list[str]]:
        """State, round, and the open steps."""
        with self.app.app_context(), all_departments("a test"):
            request = self.request(key)
            current = [task for task in request.tasks if task.round_number == request.round_number]
            return (
                str(request.state),
                request.round_number,
                sorted(task.step for task in current if task.state == TaskState.OPEN),
            )

    def todos(self) -> list[tuple[str, str, int | None]]:
        with self.app.app_context(), all_departments("a test"):
            rows = db.session.scalars(
                sa.select(Todo).where(Todo.dedupe_key.startswith("approval:")).order_by(Todo.id)
            )
            return [(str(todo.state), todo.role, todo.owner_id) for todo in rows]


@pytest.fixture
def office(running_app, world, prepared, monkeypatch) -> Office:
    def make() -> dict[str, int]:
        ids = {}
        for code in dict.fromkeys(role for role, _place in STAFF.values()):
            people.create_role(name=code, label=code, label_en=code, permissions=["approvals.view"])
        roles = {role.name: role for role in db.session.scalars(sa.select(people.Role))}
        for name, (role, place) in STAFF.items():
            user = people.create_user(email=f"{name}@test.example", name=f"用户{name}", password=PASSWORD)
            people.grant(user, world.department(place), roles[role])
            ids[name] = user.id
        return ids

    ids = prepared("an office that approves", make)
    LAWYER["id"] = ids["lawyer"]
    CALLED.clear()
    with running_app.app_context():
        declared = current_runtime().declared
        monkeypatch.setitem(declared._approval_kinds, PLAN.code, PLAN)
        monkeypatch.setitem(declared._owner, id(PLAN), "core")
    means = running_app.extensions["doorstep.approvals"]
    before = means.setting_of

    def setting_of(component: str, key: str, department_id: int | None) -> Any:
        return LIMITS[key] if key in LIMITS else before(component, key, department_id)

    monkeypatch.setitem(
        running_app.extensions,
        "doorstep.approvals",
        services.Means(**{**vars(means), "setting_of": setting_of}),
    )
    return Office(running_app, world, ids)


def test_parallel_steps_then_a_person_then_the_level_of_the_amount(office):
    key = office.ask("18000")
    assert office.state(key) == ("pending", 1, ["finance", "marketing"])
    assert office.todos() == [("open", "MKT", None), ("open", "FIN", None)]
    office.answer(key, "finance")
    assert office.state(key) == ("pending", 1, ["marketing"])
    office.answer(key, "marketing")
    assert office.state(key) == ("pending", 1, ["lawyer"])
    assert office.todos()[-1] == ("open", "", office.ids["lawyer"])
    office.answer(key, "lawyer")
    assert office.state(key) == ("pending", 1, ["manager"])
    assert CALLED == []
    office.answer(key, "manager", opinion="")
    assert office.state(key) == ("approved", 1, [])
    assert CALLED == ["approved 1-1-101 1"]
    assert {state for state, *_rest in office.todos()} == {"done"}
    with office.as_("engineer"):
        request = office.request(key)
        assert request.approved_amount == Decimal(18_000)
        assert request.number.startswith("SP-")
        assert services.facts_of(request, "en") == [("House", "1-1-101"), ("Households", "200")]
        assert len(request.content_hash) == 64


@pytest.mark.parametrize(
    ("amount", "band"),
    [
        ("0", "manager"),
        ("20000.00", "manager"),
        ("20000.01", "deputy"),
        ("50000", "deputy"),
        ("50000.01", "city"),
        ("200000.00", "city"),
        ("200000.01", "region"),
    ],
)
def test_worked_example_5_the_level_follows_the_amount(office, amount, band):
    with office.as_("engineer"):
        found = services.band_for(PLAN, Decimal(amount))
        assert found is not None
        assert found.code == band


def approved(office: Office, amount: str) -> int:
    key = office.ask(amount)
    with office.app.app_context():
        band = services.band_for(PLAN, Decimal(amount))
    assert band is not None
    for name in ("finance", "marketing", "lawyer", band.code):
        office.answer(key, name)
    return key


@pytest.mark.parametrize(
    ("before", "after", "reopens"),
    [
        ("48000", "49500", False),  # worked example 5: +3.1 %, same level
        ("48000", "51000", True),  # worked example 5: crosses a level
        ("51000", "48000", False),  # Appendix F: crossing downwards does not re-open
        ("30000", "33000", False),  # exactly a tenth
        ("30000", "33000.01", True),
    ],
)
def test_worked_example_5_a_rise_asks_anew(office, before, after, reopens):
    key = approved(office, before)
    with office.as_("engineer"):
        request = services.amount_changed(PLAN.code, office.unit(), Decimal(after))
        assert request is not None
        db.session.commit()
    assert office.state(key)[:2] == (("pending", 2) if reopens else ("approved", 1))
    assert (CALLED[-1] == "reopened 1-1-101 2") is reopens


def test_the_tenth_counts_from_the_approved_total(office):
    key = approved(office, "30000")
    for amount in ("32000", "33000"):
        with office.as_("engineer"):
            services.amount_changed(PLAN.code, office.unit(), Decimal(amount))
            db.session.commit()
    assert office.state(key)[0] == "approved"
    with office.as_("engineer"):
        services.amount_changed(PLAN.code, office.unit(), Decimal("33500"))
        db.session.commit()
    assert office.state(key) == ("pending", 2, ["finance", "marketing"])


def test_another_amount_while_it_waits_starts_the_opinions_anew(office):
    key = office.ask("18000")
    office.answer(key, "finance")
    with office.as_("engineer"):
        services.amount_changed(PLAN.code, office.unit(), Decimal("21000"))
        db.session.commit()
    assert office.state(key) == ("pending", 2, ["finance", "marketing"])
    with office.as_("engineer"):
        assert office.request(key).band == "deputy"


def test_who_changes_the_amount_asks_anew_and_neither_he_nor_the_author_judges(office):
    key = office.ask("18000")
    with office.app.app_context(), all_departments("a test"):
        people.grant(office.world.user("engineer"), office.world.department("group"), _role("MKT"))
        people.grant(
            db.session.get_one(User, office.ids["manager"]), office.world.department("group"), _role("MKT")
        )
        db.session.commit()
    with office.as_("finance"), pytest.raises(ApprovalRefused, match="FIN"):
        services.amount_changed(PLAN.code, office.unit(), Decimal("21000"))
    with office.as_("manager"):
        services.amount_changed(PLAN.code, office.unit(), Decimal("21000"), note="增加安保")
        db.session.commit()
        request = office.request(key)
        assert request.author_id == office.ids["manager"]
        assert request.note == "集中签约\n增加安保"
        assert services.inbox() == []
        with pytest.raises(ApprovalRefused):
            services.approve(next(task for task in request.tasks if task.state == TaskState.OPEN))
    with office.as_("engineer"):
        assert services.inbox() == []
    office.answer(key, "marketing")


def test_the_limits_of_the_department_of_the_record_count(office, monkeypatch):
    key = approved(office, "18000")
    asked: list[int | None] = []
    means = office.app.extensions["doorstep.approvals"]

    def setting_of(component: str, name: str, department_id: int | None) -> Any:
        asked.append(department_id)
        return means.setting_of(component, name, department_id)

    monkeypatch.setitem(
        office.app.extensions,
        "doorstep.approvals",
        services.Means(**{**vars(means), "setting_of": setting_of}),
    )
    with office.as_("region"):
        request = services.amount_changed(PLAN.code, office.unit(), Decimal("19000"))
        with force_locale("en"):
            assert services.amount_words(request).startswith("¥19,000.00 is 5.6 % more")
        assert set(asked) == {office.unit().project.department_id}
        db.session.commit()
    assert office.state(key)[0] == "approved"


def test_the_title_of_a_request_is_read_in_the_readers_language(office, system):
    with office.app.app_context():
        kind = current_runtime().declared.record_kind("core.unit")
        titles = kind.title
        object.__setattr__(
            kind, "title", lambda unit: in_language(f"云栖湾 {unit.code}", f"Yunqi {unit.code}")
        )
    try:
        key = office.ask()
    finally:
        object.__setattr__(kind, "title", titles)
    with system():
        request = office.request(key)
        todo = db.session.scalar(sa.select(Todo).where(Todo.dedupe_key.startswith("approval:")).limit(1))
        for language, words in (("en", "Yunqi "), ("zh_Hans_CN", "云栖湾 ")):
            with force_locale(language):
                assert str(request.title).startswith(words)
                assert words in str(request) and words in str(todo.title)


def test_opinions_are_called_by_the_words_of_the_reader_also_when_their_module_is_gone(
    office, system, monkeypatch
):
    steps = (ApprovalStep("finance", in_words("财务部", "Finance department"), 10, "FIN"),)
    monkeypatch.setitem(PLAN.__dict__, "steps", steps)
    with force_locale("en"):
        key = office.ask()
    monkeypatch.undo()
    with system():
        request = office.request(key)
        request.kind = "gone.plan"
        task = next(each for each in request.tasks if each.step == "finance")
        for language, words in (("zh_Hans_CN", "财务部"), ("en", "Finance department")):
            with force_locale(language):
                assert services.label_of(request, task) == words


def test_facts_and_step_names_of_before_are_still_shown(office, system):
    key = office.ask()
    with system():
        request = office.request(key)
        request.kind = "gone.plan"
        request.facts = [["House", "3-1-1201"]]
        request.tasks[0].label = "营销部"
        db.session.flush()
        db.session.expire_all()
        for language in ("zh_Hans_CN", "en"):
            with force_locale(language):
                assert services.facts_of(request, language) == [("House", "3-1-1201")]
                assert services.label_of(request, request.tasks[0]) == "营销部"
        db.session.rollback()


def test_why_an_amount_changes_is_read_in_the_readers_language(office, system):
    key = office.ask("18000", note="集中签约")
    change = in_words("涨价", "Dearer")
    with office.as_("engineer"):
        services.amount_changed(PLAN.code, office.unit(), Decimal(19_000), note=change)
        db.session.commit()
    with system():
        request = office.request(key)
        for language, words in (("zh_Hans_CN", "涨价"), ("en", "Dearer")):
            with force_locale(language):
                assert str(request.note) == f"集中签约\n{words}"


def test_the_author_does_not_review_and_finance_does_not_ask(office):
    with office.as_("finance"), pytest.raises(ApprovalRefused, match="FIN"):
        # The permission comes from another role; what bars him is finance.
        scope = current_scope()
        object.__setattr__(scope, "permissions", scope.permissions | {"projects.view"})
        services.request_approval(PLAN.code, office.unit(), Decimal(1))
    with office.app.app_context(), all_departments("a test"):
        people.grant(office.world.user("engineer"), office.world.department("group"), _role("MKT"))
        db.session.commit()
    key = office.ask()
    with office.as_("engineer"):
        assert services.inbox() == []
        task = next(task for task in office.request(key).tasks if task.step == "marketing")
        with pytest.raises(ApprovalRefused):
            services.approve(task)
    assert office.state(key) == ("pending", 1, ["finance", "marketing"])


def _role(code: str) -> Any:
    return db.session.scalar(sa.select(people.Role).where(people.Role.name == code))


def test_who_is_not_asked_cannot_answer(office):
    key = office.ask()
    for name in ("manager", "foreign_finance", "stand_in", "lawyer"):
        with office.as_(name):
            task = db.session.scalar(sa.select(ApprovalTask).where(ApprovalTask.step == "finance"))
            if name == "foreign_finance":
                assert task is None
            else:
                with pytest.raises(ApprovalRefused):
                    services.approve(task)
    assert office.state(key) == ("pending", 1, ["finance", "marketing"])


def test_nobody_answers_out_of_turn(office):
    key = office.ask()
    with office.as_("manager"):
        last = office.request(key).tasks[-1]
        with pytest.raises(ApprovalRefused):
            services.approve(last)
    assert office.state(key)[2] == ["finance", "marketing"]


def test_the_next_level_decides_where_the_author_holds_the_only_role(office):
    with office.app.app_context(), all_departments("a test"):
        people.grant(office.world.user("engineer"), office.world.department("group"), _role("PCM"))
        membership = next(m for m in db.session.get_one(people.User, office.ids["manager"]).memberships)
        people.revoke(membership)
        db.session.commit()
    key = office.ask("500")
    with office.as_("region"):
        tasks = office.request(key).tasks
        assert [task.step for task in tasks if task.position > 20] == ["deputy"]


def test_without_anybody_to_answer_nothing_is_asked(office):
    with office.app.app_context(), all_departments("a test"):
        people.set_active(db.session.get_one(people.User, office.ids["marketing"]), False)
        db.session.commit()
    with office.as_("engineer"):
        with pytest.raises(ApprovalRefused, match="MKT"):
            services.request_approval(PLAN.code, office.unit(), Decimal(1))
        db.session.rollback()
        assert db.session.scalar(sa.select(sa.func.count(ApprovalRequest.id))) == 0


@pytest.mark.parametrize("amount", [None, Decimal(-1), Decimal("NaN")])
def test_an_amount_is_needed(office, amount):
    with office.as_("engineer"), pytest.raises(ApprovalRefused):
        services.request_approval(PLAN.code, office.unit(), amount)


def test_a_record_is_asked_about_once_at_a_time(office):
    office.ask()
    with office.as_("engineer"):
        with pytest.raises(ApprovalRefused, match="SP-"):
            services.request_approval(PLAN.code, office.unit(), Decimal(1))
        db.session.rollback()
        first = db.session.scalars(sa.select(ApprovalRequest)).one()
        db.session.add(
            ApprovalRequest(
                number="SP-twice", kind=first.kind, record_kind=first.record_kind, record_id=first.record_id,
                title="x", content_hash="", project_id=first.project_id,
            )
        )  # fmt: skip
        with pytest.raises(sa.exc.IntegrityError):
            db.session.flush()
        db.session.rollback()


def test_rejected_to_the_author_it_may_be_asked_again(office):
    key = office.ask()
    with office.as_("finance"):
        task = services.open_tasks_for_me(office.request(key))[0].task
        with pytest.raises(ApprovalRefused):
            services.reject(task, "  ")
    office.answer(key, "finance", "reject", "预算缺明细")
    assert office.state(key) == ("rejected", 1, [])
    assert CALLED == ["rejected 1-1-101 1"]
    assert {state for state, *_rest in office.todos()} == {"done"}
    assert office.state(office.ask()) == ("pending", 1, ["finance", "marketing"])


def test_rejected_to_a_step_only_that_and_later_ones_are_asked_again(office):
    key = office.ask()
    for name in ("finance", "marketing", "lawyer"):
        office.answer(key, name)
    with office.as_("manager"):
        task = services.open_tasks_for_me(office.request(key))[0].task
        with pytest.raises(ApprovalRefused):
            services.reject(task, "不行", "manager")
    office.answer(key, "manager", "reject", "合同条款再看", back_to="lawyer")
    assert office.state(key) == ("pending", 2, ["lawyer"])
    office.answer(key, "lawyer")
    office.answer(key, "manager")
    assert office.state(key) == ("approved", 2, [])
    with office.as_("engineer"):
        assert [(task.step, str(task.state)) for task in office.request(key).tasks] == [
            ("marketing", "approved"), ("finance", "approved"), ("lawyer", "approved"), ("manager", "rejected"),
            ("lawyer", "approved"), ("manager", "approved"),
        ]  # fmt: skip


def test_the_author_takes_it_back_and_nobody_else(office):
    key = office.ask()
    with office.as_("head"), pytest.raises(ApprovalRefused):
        services.withdraw_request(office.request(key), "x")
    with office.as_("engineer"):
        with pytest.raises(ApprovalRefused):
            services.withdraw_request(office.request(key), " ")
        services.withdraw_request(office.request(key), "改期")
        db.session.commit()
    assert office.state(key) == ("withdrawn", 1, [])
    with office.as_("finance"):
        task = office.request(key).tasks[0]
        with pytest.raises(ApprovalRefused):
            services.approve(task)
    assert CALLED == ["withdrawn 1-1-101 1"]


def test_a_colleague_stands_in_for_some_days_and_the_sheet_names_both(office):
    key, today = office.ask(), local_today()
    with office.as_("finance"):
        colleague = db.session.get_one(people.User, office.ids["stand_in"])
        for first, last in ((today, today - dt.timedelta(days=1)), (today, today + dt.timedelta(days=400))):
            with pytest.raises(ApprovalRefused):
                services.delegate(colleague, first, last)
        later = services.delegate(colleague, today + dt.timedelta(days=1), today + dt.timedelta(days=2))
        db.session.commit()
        later_id = later.id
    with office.as_("stand_in"):
        assert services.inbox() == []
    with office.as_("finance"):
        services.end_delegation(db.session.get_one(type(later), later_id))
        colleague = db.session.get_one(people.User, office.ids["stand_in"])
        services.delegate(colleague, today, today, "出差")
        db.session.commit()
    office.answer(key, "stand_in", opinion="代为同意")
    with office.as_("engineer"):
        request = office.request(key)
        task = next(task for task in request.tasks if task.step == "finance")
        assert (task.decided_by_id, task.on_behalf_of_id) == (office.ids["stand_in"], office.ids["finance"])
        box = next(box for box in sheet(request, "zh_Hans_CN")["boxes"] if box["for_whom"])
        assert (box["name"], box["for_whom"]) == ("用户stand_in", "用户finance")


def test_the_author_answers_for_nobody(office):
    with office.as_("finance"):
        services.delegate(office.world.user("engineer"), local_today(), local_today())
        db.session.commit()
    office.ask()
    with office.as_("engineer"):
        assert services.inbox() == []


def test_two_who_press_at_once_and_opinions_never_change(office):
    key = office.ask()
    office.answer(key, "finance")
    with office.as_("finance"):
        task = next(task for task in office.request(key).tasks if task.step == "finance")
        with pytest.raises(ApprovalRefused):
            services.approve(task)
        task.opinion = "不同意"
        db.session.flush()  # erasing a customer blanks opinions
        db.session.rollback()
        task.state = TaskState.REJECTED
        with pytest.raises(OpinionImmutable):
            db.session.flush()
        db.session.rollback()
        db.session.delete(task)
        with pytest.raises(OpinionImmutable):
            db.session.flush()


def test_of_two_who_press_at_the_same_moment_one_answers(office, running_app):
    key = office.ask()
    with office.as_("finance"):
        services.delegate(
            db.session.get_one(people.User, office.ids["stand_in"]), local_today(), local_today()
        )
        task = next(task.id for task in office.request(key).tasks if task.step == "finance")
        db.session.commit()
    clients = []
    for name in ("finance", "stand_in"):
        clients.append(running_app.test_client())
        clients[-1].sign_in(office.ids[name])
    start = Barrier(2)

    def press(client: Any) -> int:
        start.wait()
        data = {"task": str(task), "verdict": "approve", "opinion": "同意"}
        return int(client.post(f"/admin/approvals/answer/?id={key}", data=data).status_code)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(press, clients)) == [303, 303]
    with office.app.app_context(), all_departments("a test"):
        logged = sa.select(AuditEntry.changes).where(
            AuditEntry.record_kind == "approval_task", AuditEntry.record_id == str(task)
        )
        given = [changes for changes in db.session.scalars(logged) if "decided_at" in changes]
        assert len(given) == 1
    assert office.state(key)[2] == ["marketing"]


def test_many_are_approved_at_once_and_the_others_listed(office):
    keys = [office.ask()]
    with office.as_("engineer"):
        other = db.session.get_one(Unit, office.world.own.unit_ids[1])
        keys.append(services.request_approval(PLAN.code, other, Decimal(5)).id)
        db.session.commit()
    with office.as_("marketing"):
        tasks = [each.task for each in services.inbox()]
        foreign = next(task for task in office.request(keys[0]).tasks if task.step == "finance")
        done, skipped = services.approve_many([*tasks, foreign], "同意")
        db.session.commit()
        assert len(done) == 2
        assert [number for number, _reason in skipped] == [office.request(keys[0]).number]
    assert office.state(keys[1])[2] == ["finance"]


def test_an_answer_is_due_in_two_working_days_then_reminded_then_escalated(office):
    key = office.ask()
    with office.app.app_context(), all_departments("a test"):
        task = office.request(key).tasks[0]
        due, prefix = task.due_at, f"approval:{task.id}:"
        opened = task.opened_at.astimezone(LOCAL_ZONE).date()
        assert due.astimezone(LOCAL_ZONE).date() == working_days_after(opened, 2)
        assert services.overdue_tasks(due - dt.timedelta(minutes=1)) == []
        late = due + dt.timedelta(minutes=1)
        assert len(services.overdue_tasks(late)) == 2
        for _twice in range(2):
            services.remind(task.id, late)
        much_later = due + dt.timedelta(days=14)
        for _twice in range(2):
            services.remind(task.id, much_later)
        assert services.overdue_tasks(much_later) == [office.request(key).tasks[1].id]
        made = db.session.scalars(
            sa.select(Todo).where(Todo.dedupe_key.startswith(prefix)).order_by(Todo.id)
        ).all()
        assert [(todo.role, todo.department_id) for todo in made] == [
            ("MKT", office.world.departments["group"]),
            ("MKT", office.world.departments["group"]),
            ("HEAD", office.world.departments["city"]),
        ]
        db.session.commit()
    office.answer(key, "marketing")
    with office.app.app_context(), all_departments("a test"):
        open_ones = sa.select(Todo.id).where(Todo.dedupe_key.startswith(prefix), Todo.state == TodoState.OPEN)
        assert db.session.scalars(open_ones).all() == []


def test_where_a_department_wants_it_the_overdue_are_written_to(office):
    group, city = (office.world.departments[place] for place in ("group", "city"))
    with office.as_("marketing"):
        today = local_today()
        services.delegate(db.session.get_one(User, office.ids["stand_in"]), today, today + dt.timedelta(30))
        db.session.commit()

    def want_messages(place: str) -> None:
        with office.as_("admin"):
            set_setting("core", "approval_messages", True, office.world.department(place))
            db.session.commit()

    def overdue(key: int) -> list[Message]:
        with office.app.app_context(), all_departments("a test"):
            task = office.request(key).tasks[0]
            services.remind(task.id, task.due_at + dt.timedelta(minutes=1))
            services.remind(task.id, task.due_at + dt.timedelta(days=14))
            db.session.commit()
            query = sa.select(Message).where(Message.dedupe_key.startswith(f"approval:{task.id}:"))
            return list(db.session.scalars(query.order_by(Message.id)))

    first = office.ask()
    assert overdue(first) == []
    office.answer(first, "marketing", "reject", "先改金额")
    want_messages("group")
    second = office.ask()
    told = overdue(second)
    assert {(each.address, each.template, each.department_id) for each in told} == {
        ("marketing@test.example", "core.approval_reminder", group),
        ("stand_in@test.example", "core.approval_reminder", group),
    }, "the city does not want it, so its head has a to-do only"
    number = told[0].subject.split()[0].removeprefix("审批提醒：")
    assert all(
        words in told[0].body for words in (number, "1-1-101", "Signing plan", "/approvals/details/?id=")
    )
    office.answer(second, "marketing", "reject", "再改")
    with office.app.app_context(), all_departments("a test"):
        states = db.session.scalars(
            sa.select(Message.state).where(Message.id.in_([each.id for each in told]))
        )
        assert set(states) == {MessageState.CANCELLED}
    want_messages("city")
    third = overdue(office.ask())
    assert (third[-1].address, third[-1].department_id) == ("city@test.example", city)


def test_the_sheet_is_printed_and_issued_when_it_is_decided(office):
    key = approved(office, "18000")
    with office.as_("manager"):
        request = office.request(key)
        values = sheet(request, "zh_Hans_CN")
        assert [box["name"] for box in values["boxes"]] == [
            "用户marketing",
            "用户finance",
            "用户lawyer",
            "用户manager",
        ]
        issued = documents.issue("core.approval_sheet", request, "zh_Hans_CN")
        assert issued.number.startswith("SPB-")
        assert issued.pages == 1
    waiting = office.ask()
    with office.as_("manager"), pytest.raises(documents.DocumentRefused, match="SP-"):
        documents.issue("core.approval_sheet", office.request(waiting), "en")


def test_the_pages_lead_from_the_inbox_to_the_sheet(office, sign_in, running_app):
    key = office.ask()
    finance = running_app.test_client()
    finance.sign_in(office.ids["finance"])
    inbox = finance.get("/admin/approvals_inbox/").text
    assert "1-1-101" in inbox
    assert "¥18,000.00" in inbox
    page = f"/admin/approvals/details/?id={key}"
    task = finance.get(page).text.split('name="task" value="')[1].split('"')[0]
    answer = f"/admin/approvals/answer/?id={key}"
    refused = finance.post(answer, data={"task": task, "verdict": "reject", "opinion": "  ", "back_to": ""})
    assert refused.status_code == 422
    assert finance.post(answer, data={"task": task, "verdict": "maybe"}).status_code == 400
    assert finance.post(answer, data={"task": "999999", "verdict": "approve"}).status_code == 404
    done = finance.post(
        answer, data={"task": task, "verdict": "approve", "opinion": "可行"}, follow_redirects=True
    )
    assert "可行" in done.text
    marketing = running_app.test_client()
    marketing.sign_in(office.ids["marketing"])
    others = office.state(key)
    with office.app.app_context(), all_departments("a test"):
        mine = next(task.id for task in office.request(key).tasks if task.step == "marketing")
    assert marketing.post("/admin/approvals_inbox/approve/", data={}).status_code == 303
    assert marketing.post("/admin/approvals_inbox/approve/", data={"task": "x"}).status_code == 404
    assert marketing.post("/admin/approvals_inbox/approve/", data={"task": str(mine)}).status_code == 303
    assert others[2] == ["marketing"]
    assert office.state(key)[2] == ["lawyer"]
    away = {
        "delegate_id": str(office.ids["stand_in"]),
        "from_on": "kein Tag",
        "until_on": "",
        "reason": "出差",
    }
    typed = marketing.post("/admin/approvals_inbox/delegate/", data=away)
    assert typed.status_code == 422
    assert "出差" in typed.text
    day = local_today().isoformat()
    away |= {"from_on": day, "until_on": day}
    assert marketing.post("/admin/approvals_inbox/delegate/", data=away).status_code == 303
    shown = marketing.get("/admin/approvals_inbox/").text
    end = shown.split("/admin/approvals_inbox/end/?id=")[1].split('"')[0]
    assert finance.post(f"/admin/approvals_inbox/end/?id={end}").status_code == 404
    assert marketing.post(f"/admin/approvals_inbox/end/?id={end}").status_code == 303
    author = sign_in("engineer")
    assert "1-1-101" not in author.get("/admin/approvals_inbox/").text
    back = f"/admin/approvals/withdraw/?id={key}"
    assert author.post(back, data={"reason": ""}).status_code == 422
    assert author.post(back, data={"reason": "改期"}).status_code == 303
    assert office.state(key)[0] == "withdrawn"
    assert sign_in("other").get(page).status_code == 404


class Paper:
    """A request without a database: the tasks of a round, as :func:`asking.open_next` sees them."""

    def __init__(self, orders: list[int]) -> None:
        self.round_number = 1
        self.department_id = None
        self.tasks = [
            ApprovalTask(round_number=1, position=order, state=TaskState.WAITING, step=f"s{number}")
            for number, order in enumerate(orders)
        ]


@given(
    orders=st.lists(st.integers(1, 4), min_size=1, max_size=6),
    presses=st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=30),
)
def test_law_it_is_never_approved_without_every_required_step(orders, presses):
    paper = Paper(orders)
    with pytest.MonkeyPatch.context() as patch:
        # Nobody is told and nothing is stored.
        patch.setattr(asking, "ask", lambda task, what: None)
        patch.setattr(asking, "due_after", lambda request, now, key="": now)
        patch.setattr(asking.db, "session", SimpleNamespace(flush=lambda: None))
        asking.open_next(paper)
        left = True
        for index, agrees in presses:
            task = paper.tasks[index % len(paper.tasks)]
            if task.state != TaskState.OPEN or not agrees:
                continue
            earlier = [other for other in paper.tasks if other.position < task.position]
            assert all(other.state == TaskState.APPROVED for other in earlier)
            task.state = TaskState.APPROVED
            left = asking.open_next(paper)
    assert left is not all(task.state == TaskState.APPROVED for task in paper.tasks)


fen = st.integers(0, 30_000_000).map(lambda number: Decimal(number) / 100)


@given(first=fen, second=fen)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_law_of_bands_more_money_never_needs_a_lower_level(office, first, second):
    with office.app.app_context():
        low, high = sorted((first, second))
        levels = [PLAN.bands.index(services.band_for(PLAN, amount)) for amount in (low, high)]
        assert levels[0] <= levels[1]
        assert not services.needs_reopening(PLAN, high, low)
        assert services.needs_reopening(PLAN, low, high) == (
            levels[0] < levels[1] or high > low * Decimal("1.1")
        )


def test_a_decided_request_says_when(office):
    key = approved(office, "18000")
    with office.as_("engineer"):
        request = office.request(key)
        assert request.state == RequestState.APPROVED
        assert abs((utc_now() - request.finished_at).total_seconds()) < 300
