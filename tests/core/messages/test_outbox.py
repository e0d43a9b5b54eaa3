"""The outbox: what is written, what is kept back, and what becomes of it."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from flask_babel import force_locale
from flask_babel import lazy_gettext as _l

from core.customers import services as customers
from core.customers.models import Customer
from core.extensions import db
from core.machinery.messages import sending, services, texts
from core.machinery.messages.models import Message, MessageBatch, MessageState
from core.machinery.messages.outgoing import NotSent, Receipt, Recipient, Secret
from core.machinery.messages.quiet import month_of
from core.people.models import Department
from core.people.settings import set_setting
from core.plugin_system.declarations import MessageChannel, MessageTemplate, Placeholder
from core.plugin_system.runtime import current_runtime
from core.projects.models import Unit
from core.timeline.models import TimelineEntry

SERVICE = MessageTemplate(
    "core.test_service",
    "测试",
    "{customer}，{unit}的{what}，电话{phone}，{company}",
    "{customer}: {what} of {unit}, {phone}, {company}",
    placeholders=(Placeholder("what", "what"),),
    channels=("sms", "email"),
    subject="关于{what}",
    subject_en="About {what}",
)
ADVERT = replace(SERVICE, code="core.test_advert", purpose="marketing", body="{customer}{what}")
URGENT = replace(SERVICE, code="core.test_urgent", urgent=True)
LINKING = replace(
    SERVICE,
    code="core.test_link",
    body="{customer}请打开{link}",
    body_en="{customer}: {link}",
    subject="",
    subject_en="",
    placeholders=(Placeholder("link", "link"),),
)
NOON = dt.datetime(2026, 11, 27, 4, tzinfo=dt.UTC)
NIGHT = dt.datetime(2026, 11, 27, 14, 30, tzinfo=dt.UTC)


class Gateway:
    """A channel whose answers the test chooses."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.bodies: list[str] = []
        self.trouble: Exception | None = None
        self.answer: Receipt | None = Receipt("G-1")

    def send(self, outgoing):
        if self.trouble is not None:
            raise self.trouble
        self.taken.append(outgoing.idempotency_key)
        self.bodies.append(outgoing.body)
        return Receipt(f"G-{len(self.taken)}")

    def inquire(self, key):
        return self.answer


@pytest.fixture
def gateway(running_app, monkeypatch):
    made = Gateway()
    declared = running_app.extensions["doorstep"].declared
    for template in (SERVICE, ADVERT, URGENT, LINKING):
        monkeypatch.setitem(declared._message_templates, template.code, template)
        monkeypatch.setitem(declared._owner, id(template), "core")
    channel = MessageChannel("core.test", "测试", "sms", lambda: True, made.send, made.inquire)
    monkeypatch.setattr(declared, "_message_channels", {"core.test": channel})
    monkeypatch.setitem(declared._owner, id(channel), "core")
    return made


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until the test moves it."""
    now = [NOON]
    for module in (services, sending):
        monkeypatch.setattr(module, "utc_now", lambda: now[0])

    def move(moment):
        now[0] = moment

    return move


def write(world, key="k1", template=SERVICE, **options):
    customer = db.session.get_one(Customer, world.own.customer_ids[0])
    unit = db.session.get_one(Unit, world.own.unit_ids[0])
    message = services.send_message(
        template.code, customer, {"what": "钥匙"}, dedupe_key=key, unit=unit, **options
    )
    db.session.commit()
    return SimpleNamespace(
        **{column.key: getattr(message, column.key) for column in sa.inspect(Message).columns}
    )


def state(key):
    db.session.expire_all()
    return db.session.get_one(Message, key)


def test_a_message_is_written_once_and_sent_once(world, scope_of, system, gateway, clock):
    with scope_of("service"):
        message = write(world)
        assert write(world).id == message.id
        assert message.state == MessageState.WAITING
        assert message.body.startswith(f"{world.own.canary}客户101，1-1-101的钥匙")
        assert (message.project_id, message.kind) == (world.own.project_id, "sms")
    with system():
        done = sending.send_due()
        assert (done.sent, len(gateway.taken)) == (1, 1)
        assert sending.send_due().sent == 0
        sent = state(message.id)
        assert (sent.state, sent.reference) == (MessageState.SENT, "G-1")
        entries = db.session.scalars(
            sa.select(TimelineEntry).where(TimelineEntry.record_kind == "core.message")
        ).all()
        assert [(entry.kind, entry.customer_id, entry.unit_id) for entry in entries] == [
            ("core.message_sent", world.own.customer_ids[0], world.own.unit_ids[0])
        ]


def test_the_transaction_of_the_business_takes_its_message_along(world, scope_of, gateway, clock):
    with scope_of("service"):
        customer = db.session.get_one(Customer, world.own.customer_ids[0])
        services.send_message(SERVICE.code, customer, {"what": "x"}, dedupe_key="gone")
        db.session.rollback()
        assert db.session.scalar(sa.select(sa.func.count(Message.id))) == 0


def test_a_missing_value_is_a_fault_of_the_module(world, scope_of, gateway):
    with scope_of("service"):
        customer = db.session.get_one(Customer, world.own.customer_ids[0])
        with pytest.raises(ValueError, match="no value for 'what'"):
            services.send_message(SERVICE.code, customer, {}, dedupe_key="x")


def test_values_are_words_and_no_templates(world, scope_of, gateway):
    with scope_of("service"):
        customer = db.session.get_one(Customer, world.own.customer_ids[0])
        message = services.send_message(
            SERVICE.code, customer, {"what": "{phone}{{7*7}}{customer.password}"}, dedupe_key="x"
        )
        assert "{phone}{{7*7}}{customer.password}" in message.body


def test_quiet_hours_postpone_text_messages_but_not_urgent_ones(world, scope_of, system, gateway, clock):
    clock(NIGHT)
    with scope_of("service"):
        message, urgent = write(world), write(world, "k2", URGENT)
        assert message.not_before == dt.datetime(2026, 11, 28, 1, tzinfo=dt.UTC)
        assert urgent.not_before == NIGHT
        assert services.remark_of(message).startswith("免打扰时段：2026-11-28 09:00")
        assert services.remark_of(urgent) == ""
    with system():
        assert sending.send_due().sent == 1
        clock(message.not_before)
        assert sending.send_due().sent == 1


def test_a_sender_that_comes_late_keeps_quiet_too(world, scope_of, system, gateway, clock):
    with scope_of("service"):
        message = write(world)
    clock(NIGHT)
    with system():
        assert sending.send_due().postponed == 1
        assert state(message.id).not_before == dt.datetime(2026, 11, 28, 1, tzinfo=dt.UTC)
        assert gateway.taken == []


def test_the_third_message_of_a_month_that_is_no_service_is_withheld(world, scope_of, system, gateway, clock):
    """Domain reference 5.5.2: at most two a month; service messages are not counted."""
    with scope_of("service"):
        first = [write(world, f"a{number}", ADVERT) for number in range(3)]
        assert [message.state for message in first] == ["waiting", "waiting", "withheld"]
        assert "2026-11" in str(first[2].reason)
        assert write(world, "s", SERVICE).state == MessageState.WAITING
        services.cancel(db.session.get_one(Message, first[0].id))
        assert write(world, "a4", ADVERT).state == MessageState.WAITING
    clock(dt.datetime(2026, 11, 30, 16, 30, tzinfo=dt.UTC))
    assert month_of(dt.datetime(2026, 11, 30, 16, 30, tzinfo=dt.UTC)) == "2026-12"
    with scope_of("service"):
        assert write(world, "a5", ADVERT).state == MessageState.WAITING


def test_the_cap_of_a_department_counts(world, scope_of, gateway, clock):
    with scope_of("head", "group"):
        set_setting(
            "core", "messages_per_month", "0", db.session.get_one(Department, world.departments["group"])
        )
        assert write(world, "a", ADVERT).state == MessageState.WITHHELD


@pytest.mark.parametrize("how", ["opted_out", "consent"])
def test_who_said_no_gets_nothing_even_when_he_says_it_afterwards(
    world, scope_of, system, gateway, clock, how
):
    def say_no():
        customer = db.session.get_one(Customer, world.own.customer_ids[0])
        if how == "opted_out":
            customers.set_preference(customer, opted_out=["marketing"])
        else:
            customers.withdraw_consent(customers.give_consent(customer, "marketing", "web", "1"))
        db.session.commit()

    with scope_of("service"):
        early = write(world, "early", ADVERT)
        say_no()
        late = write(world, "late", ADVERT)
        assert late.state == MessageState.WITHHELD
        assert write(world, "service", SERVICE).state == MessageState.WAITING
    with system():
        sending.send_due()
        assert state(early.id).state == MessageState.WITHHELD
        assert len(gateway.taken) == 1
        kinds = db.session.scalars(sa.select(TimelineEntry.kind).order_by(TimelineEntry.id)).all()
        assert sorted(kinds) == ["core.message_not_sent", "core.message_not_sent", "core.message_sent"]


def test_without_an_address_it_is_withheld_with_the_reason(world, scope_of, gateway):
    with scope_of("service"):
        db.session.get_one(Customer, world.own.customer_ids[0]).phone = "075588886666"
        message = write(world)
        assert message.state == MessageState.WITHHELD
        assert message.reason


def test_what_certainly_failed_is_tried_again_and_gives_up(world, scope_of, system, gateway, clock):
    with scope_of("service"):
        message = write(world)
    gateway.trouble = NotSent("besetzt", again=True)
    moment = NOON
    with system():
        for pause in sending.PAUSES:
            assert sending.send_due().failed == 1
            waiting = state(message.id)
            assert waiting.state == MessageState.WAITING
            assert waiting.not_before == moment + pause
            moment = (
                max(moment + pause, dt.datetime(2026, 11, 28, 1, tzinfo=dt.UTC))
                if pause.seconds > 3600
                else moment + pause
            )
            clock(moment)
        assert sending.send_due().failed == 1
        assert state(message.id).state == MessageState.FAILED
        gateway.trouble = None
        with_old_key = state(message.id).idempotency_key
    with scope_of("admin"):
        services.try_again(db.session.get_one(Message, message.id))
        db.session.commit()
    with system():
        assert sending.send_due().sent == 1
        assert gateway.taken != [with_old_key]


def test_an_unclear_answer_is_never_sent_again_by_itself(world, scope_of, system, gateway, clock):
    with scope_of("service"):
        message = write(world)
    gateway.trouble = TimeoutError("no answer")
    with system():
        assert sending.send_due().unknown == 1
        gateway.trouble = None
        for days in range(1, 4):
            clock(NOON + dt.timedelta(days=days))
            assert sending.send_due() == sending.Sent()
        assert state(message.id).state == MessageState.UNKNOWN
        assert gateway.taken == []
        key = state(message.id).idempotency_key
    with scope_of("admin"):
        held = db.session.get_one(Message, message.id)
        with pytest.raises(services.MessageRefused):
            services.decide(held, "again", "")
        services.decide(held, "again", "the customer has nothing")
        db.session.commit()
    with system():
        assert sending.send_due().sent == 1
        assert gateway.taken == [key]
    with scope_of("admin"), pytest.raises(services.MessageRefused):
        services.decide(db.session.get_one(Message, message.id), "again", "once more")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(Receipt("G-9"), "sent"), (None, "waiting"), (Receipt(failed="no such number"), "failed")],
)
def test_a_killed_sender_leaves_it_unknown_until_the_gateway_tells(
    world, scope_of, system, gateway, clock, answer, expected
):
    with scope_of("service"):
        message = write(world)
    with system():
        sending._claim(message.id)
        assert state(message.id).state == MessageState.SENDING
        assert sending.send_due() == sending.Sent()
        clock(NOON + sending.LEASE + dt.timedelta(seconds=1))
        gateway.answer = answer
        sending.sweep()
        assert state(message.id).state == expected
        assert gateway.taken == []


def test_senders_of_the_same_moment_send_each_message_once(
    running_app, world, scope_of, system, gateway, clock
):
    """Half of the messages were left behind by a killed sender, and the gateway says that they never came there."""
    senders, gateway.answer = 3, None
    with scope_of("service"):
        messages = [write(world, f"k{number}") for number in range(6)]
    with system():
        for message in messages[::2]:
            sending._claim(message.id)
    clock(NOON + sending.LEASE + dt.timedelta(seconds=1))
    start, errors = threading.Barrier(senders), []

    def run() -> None:
        try:
            start.wait(30)
            with running_app.app_context():
                sending.send_due()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _sender in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert Counter(gateway.taken) == Counter(message.idempotency_key for message in messages)
    with system():
        assert set(db.session.scalars(sa.select(Message.state))) == {MessageState.SENT}


def test_a_sender_that_was_taken_for_dead_still_reports(world, scope_of, system, gateway, clock):
    with scope_of("service"):
        message = write(world)
    gateway.inquire = None
    with system():
        claim = sending._claim(message.id)
        sending._give_up(message.id)
        assert state(message.id).state == MessageState.SENDING
        clock(NOON + sending.LEASE + dt.timedelta(seconds=1))
        sending._give_up(message.id)
        assert state(message.id).state == MessageState.UNKNOWN
        sending._settle(message.id, claim.attempts, Receipt("late"))
        assert (state(message.id).state, state(message.id).reference) == (MessageState.SENT, "late")


def test_reports_of_the_gateway_are_taken_once(world, scope_of, system, gateway, clock):
    with scope_of("service"):
        message = write(world)
    with system():
        sending.send_due()
        arrived = NOON + dt.timedelta(minutes=2)
        for _time in range(2):
            assert sending.note_delivery(reference="G-1", delivered_at=arrived)
        assert not sending.note_delivery(reference="G-77")
        assert sending.note_delivery(reference="G-1", failed="too late to fail")
        held = state(message.id)
        assert (held.state, held.delivered_at) == (MessageState.DELIVERED, arrived)
        assert db.session.scalar(sa.select(sa.func.count(TimelineEntry.id))) == 1


def test_a_secret_stands_in_no_row_once_it_is_sent(world, scope_of, system, gateway, clock):
    with scope_of("service"):
        customer = db.session.get_one(Customer, world.own.customer_ids[0])
        message = services.send_message(
            LINKING.code, customer, {"link": Secret("https://x.example/l/geheim")}, dedupe_key="l"
        )
        db.session.commit()
        key = message.id
        assert "{link}" in message.body
        db.session.rollback()
        with db.engine.connect() as connection:
            row = connection.exec_driver_sql("SELECT subject, body, secrets FROM message").one()
            assert "geheim" not in str(tuple(row))
    with system():
        sending.send_due()
        assert gateway.bodies[0].endswith("请打开https://x.example/l/geheim")
        assert state(key).secrets is None


def test_an_outsider_can_be_written_to(world, scope_of, gateway):
    with scope_of("service"):
        message = services.send_message(
            SERVICE.code, Recipient("王工", phone="13800001111", language="en"), {"what": "x"}, dedupe_key="o"
        )
        assert (message.customer_id, message.address, message.language) == (None, "13800001111", "en")


def test_departments_change_texts_but_not_placeholders(world, scope_of, gateway):
    with scope_of("head", "group"):
        group = db.session.get_one(Department, world.departments["group"])
        with pytest.raises(texts.TextRefused, match="secret"):
            services.change_text(SERVICE, group, "zh_Hans_CN", "x", "{customer}{secret}")
        services.change_text(SERVICE, group, "zh_Hans_CN", "主题", "{customer}您好：{what}")
        assert write(world).body == f"{world.own.canary}客户101您好：钥匙"
        city = db.session.get_one(Department, world.departments["city"])
        with pytest.raises(services.MessageRefused):
            services.change_text(SERVICE, city, "zh_Hans_CN", "主题", "{customer}")
        services.restore_text(SERVICE, group, "zh_Hans_CN")
        assert "1-1-101的钥匙" in write(world, "k2").body
    with scope_of("head", "group"), pytest.raises(texts.TextRefused):
        services.change_text(
            LINKING, db.session.get_one(Department, world.departments["group"]), "zh_Hans_CN", "x", "ohne"
        )


def test_a_preview_keeps_nothing_and_says_what_stands_in_the_way(world, scope_of, gateway, clock):
    with scope_of("service"):
        customer = db.session.get_one(Customer, world.own.customer_ids[0])
        customers.set_preference(customer, opted_out=["marketing"])
        shown = services.preview(ADVERT, customer)
        assert shown.obstacle
        assert shown.body.startswith(customer.name)
        assert services.preview(SERVICE).body
        assert db.session.scalar(sa.select(sa.func.count(Message.id))) == 0


def test_a_batch_writes_to_each_once(world, scope_of, system, gateway, clock):
    with scope_of("admin"):
        ids = list(world.own.customer_ids)
        batch = services.make_batch("core.greeting", [*ids, ids[0]], "节日")
        for _time in range(2):
            for key in batch.recipients:
                services.write_of_batch(batch, db.session.get_one(Customer, key))
        db.session.commit()
        assert services.counts_of(batch) == {MessageState.WAITING: 3}
        with pytest.raises(services.MessageRefused):
            services.make_batch(SERVICE.code, ids)


def in_both(said):
    with force_locale("zh_Hans_CN"):
        chinese = str(said)
    with force_locale("en"):
        return chinese, str(said)


def test_what_the_program_says_of_messages_is_read_in_the_readers_language(
    world, scope_of, system, gateway, clock
):
    with scope_of("admin"), force_locale("en"):
        named = services.make_batch("core.greeting", world.own.customer_ids[:1])
        typed = services.make_batch("core.greeting", world.own.customer_ids[1:2], "节日 Greetings")
        keys = named.id, typed.id
        advert = [write(world, f"a{number}", ADVERT) for number in range(3)][2].id
        taken_back = write(world, "c").id
        services.cancel(db.session.get_one(Message, taken_back))
        failing = write(world, "f").id
        db.session.commit()
    gateway.trouble = NotSent(_l("The SMS gateway is busy."), again=True)
    with system():
        sending.send_due()
        lost = write(world, "l").id
        gateway.trouble = RuntimeError("no answer")
        sending.send_due()
        db.session.expire_all()
        titles = [db.session.get_one(MessageBatch, key).title for key in keys]
        label = current_runtime().declared.message_template("core.greeting").label
        assert in_both(titles[0]) == in_both(label)
        assert len(set(in_both(titles[0]))) == 2
        assert in_both(titles[1]) == ("节日 Greetings", "节日 Greetings")
        for key, english in (
            (advert, "messages in 2026-11 already"),
            (taken_back, "Taken back before it was sent."),
            (failing, "The SMS gateway is busy."),
            (lost, "The other side did not answer in time"),
        ):
            chinese, read = in_both(state(key).reason)
            assert english in read
            assert chinese != read and english not in chinese
        entry = db.session.scalar(
            sa.select(TimelineEntry)
            .where(TimelineEntry.record_kind == "core.message", TimelineEntry.record_id == advert)
            .limit(1)
        )
        assert "2026-11 already" in in_both(entry.summary)[1] and "already" not in in_both(entry.summary)[0]


def test_merging_and_erasing_reach_the_outbox(world, scope_of, system, gateway, clock):
    with system():
        first, second = world.own.customer_ids[:2]
        message = write(world)
        services.move_to_customer(second, first)
        assert state(message.id).customer_id == second
        services.erase_of_customer(second)
        held = state(message.id)
        assert (held.body, held.address, held.recipient_name, held.state) == ("", "", "", "cancelled")
        assert current_runtime() is not None
