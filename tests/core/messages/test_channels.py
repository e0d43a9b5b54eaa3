"""The channels: the gateway on the loopback address, its signed reports, files, mail, and letters on paper."""

from __future__ import annotations

import datetime as dt
import json
import smtplib
import time
from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import current_app
from hypothesis import given
from hypothesis import strategies as st

from core.customers.models import Customer
from core.database.types import LOCAL_ZONE
from core.extensions import db
from core.machinery.documents.models import IssuedDocument
from core.machinery.messages import channels, sending, services
from core.machinery.messages.models import Message, MessageState
from core.machinery.messages.outgoing import NotSent, OutgoingMessage
from core.machinery.messages.quiet import after_quiet, is_quiet
from core.testing.sms_gateway import FakeSmsGateway

SECRET = "a secret of a test"


@pytest.fixture
def gateway(running_app, monkeypatch):
    with FakeSmsGateway(SECRET) as gateway:
        for name, value in {
            "SMS_GATEWAY_URL": gateway.url,
            "SMS_GATEWAY_SECRET": SECRET,
            "SMS_SIGNATURE": "【云栖】",
        }.items():
            monkeypatch.setitem(running_app.config, name, value)
        yield gateway


def write(scope_of, world, kind="sms", key="k"):
    with scope_of("service"):
        customer = db.session.get_one(Customer, world.own.customer_ids[0])
        customer.email = "owner@test.example"
        message = services.send_message("core.confirm_contact", customer, dedupe_key=key, channel=kind)
        message.not_before = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        message.urgent = True
        db.session.commit()
        return message.id


def held(key):
    db.session.expire_all()
    return db.session.get_one(Message, key)


def test_a_text_message_goes_through_the_gateway_and_its_report_comes_back(
    world, scope_of, system, gateway, client
):
    key = write(scope_of, world)
    with system():
        assert sending.send_one(key) == "sent"
        (taken,) = gateway.taken.values()
        assert taken.text.startswith("【云栖】") and taken.to == world.own.phones[0]
        assert (held(key).state, held(key).reference) == (MessageState.SENT, taken.id)
    headers, body = gateway.report(taken.key, at="2026-11-27T10:00:00+08:00")
    client.sends_csrf = False
    for _time in range(2):
        assert client.post("/messages/reports/sms", data=body, headers=headers).status_code == 200
    with system():
        assert held(key).state == MessageState.DELIVERED
        assert held(key).delivered_at == dt.datetime(2026, 11, 27, 2, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("behaviour", "outcome", "state", "taken"),
    [
        ("refuse", "failed", "failed", 0),
        ("busy", "failed", "waiting", 0),
        ("break", "unknown", "unknown", 1),
        ("hang", "unknown", "unknown", 1),
    ],
)
def test_what_the_gateway_does_decides_what_is_known(
    world, scope_of, system, gateway, behaviour, outcome, state, taken
):
    key = write(scope_of, world)
    gateway.behaviour = behaviour
    with system():
        assert sending.send_one(key) == outcome
        assert (held(key).state, len(gateway.taken)) == (state, taken)
        if state == "unknown":
            gateway.behaviour = "take"
            assert sending.send_one(key) is None
            assert sending.ask(key) == MessageState.SENT
            assert [each.times for each in gateway.taken.values()] == [1]


def test_a_gateway_that_cannot_be_reached_has_sent_nothing(world, scope_of, system, running_app, monkeypatch):
    monkeypatch.setitem(running_app.config, "SMS_GATEWAY_URL", "http://127.0.0.1:1/messages")
    key = write(scope_of, world)
    with system():
        assert sending.send_one(key) == "failed"
        assert held(key).state == MessageState.WAITING


def reports():
    body = json.dumps({"key": "k", "status": "delivered"}).encode()
    now = int(time.time())
    yield {}, body, 403
    yield {channels.SIGNATURE: "t=abc,v1=00"}, body, 403
    yield {channels.SIGNATURE: channels.signature_of("another secret", now, body)}, body, 403
    yield {channels.SIGNATURE: channels.signature_of(SECRET, now - 301, body)}, body, 403
    yield {channels.SIGNATURE: channels.signature_of(SECRET, now, b"{}")}, body, 403
    for wrong in (
        b"{}",
        b"[]",
        b"no json",
        b'{"key": "k", "status": "read"}',
        b'{"key": 7, "status": "failed"}',
        b'{"key": "k", "status": "delivered", "at": "yesterday"}',
    ):
        yield {channels.SIGNATURE: channels.signature_of(SECRET, now, wrong)}, wrong, 400
    yield {channels.SIGNATURE: channels.signature_of(SECRET, now, body)}, body, 200


def test_only_fresh_signed_reports_are_taken(world, client, gateway):
    client.sends_csrf = False
    for headers, body, expected in reports():
        answer = client.post(
            "/messages/reports/sms", data=body, headers={"Content-Type": "application/json", **headers}
        )
        assert answer.status_code == expected, (headers, body)


def test_without_a_secret_nothing_is_signed():
    assert not channels.is_signed("", channels.signature_of("", int(time.time()), b""), b"")


def test_without_a_gateway_messages_lie_in_files(world, scope_of, system, running_app):
    key = write(scope_of, world)
    with system():
        assert sending.send_one(key) == "sent"
        path = channels.outbox_folder() / f"{held(key).idempotency_key}.txt"
        assert held(key).body in path.read_text(encoding="utf-8")
        assert held(key).reason


class Server:
    """A mail server that fails where the test says."""

    sent: list = []

    def __init__(self, host, port, timeout):
        if self.fails == "connect":
            raise ConnectionRefusedError

    def __enter__(self):
        return self

    def __exit__(self, *_details):
        return False

    def starttls(self):
        if self.fails == "tls":
            raise smtplib.SMTPNotSupportedError("no")

    def send_message(self, mail):
        trouble = {
            "recipient": smtplib.SMTPRecipientsRefused({}),
            "later": smtplib.SMTPDataError(451, b"later"),
            "never": smtplib.SMTPDataError(554, b"never"),
            "lost": smtplib.SMTPServerDisconnected("lost"),
        }.get(self.fails)
        if trouble:
            raise trouble
        self.sent.append(mail)


@pytest.mark.parametrize(
    ("fails", "expected"),
    [
        ("", None),
        ("connect", True),
        ("tls", True),
        ("recipient", False),
        ("later", True),
        ("never", False),
        ("lost", "unknown"),
    ],
)
def test_the_mail_server(running_app, monkeypatch, fails, expected):
    monkeypatch.setattr(channels.smtplib, "SMTP", type("Fake", (Server,), {"fails": fails, "sent": []}))
    monkeypatch.setitem(running_app.config, "MAIL_SERVER", "mail.test.example")
    outgoing = OutgoingMessage(1, "email", "a@test.example", "李女士", "主题", "正文", "zh_Hans_CN", "key1")
    with running_app.app_context():
        if expected is None:
            assert channels.send_mail(outgoing).reference == "key1"
            (mail,) = channels.smtplib.SMTP.sent
            assert mail["Subject"] == "主题" and mail.get_content().strip() == "正文"
            assert mail["Message-ID"].startswith("<key1@")
        elif expected == "unknown":
            with pytest.raises(smtplib.SMTPServerDisconnected):
                channels.send_mail(outgoing)
        else:
            with pytest.raises(NotSent) as refused:
                channels.send_mail(outgoing)
            assert refused.value.again is expected


def test_a_letter_is_issued_as_a_document(world, scope_of, system):
    key = write(scope_of, world, "letter")
    with system():
        assert sending.send_one(key) == "sent"
        letter = db.session.scalars(sa.select(IssuedDocument)).one()
        assert (letter.record_kind, letter.record_id) == ("core.message", key)
        assert letter.customer_id == world.own.customer_ids[0]
        assert held(key).reference == letter.number


@pytest.mark.parametrize("killed", ["before it was issued", "after it was issued"])
def test_a_letter_whose_sender_was_killed_is_issued_once(world, scope_of, system, monkeypatch, killed):
    key = write(scope_of, world, "letter")

    def die(*_arguments, **_values):
        raise SystemExit

    with system():
        target = (services.means(), "issue_letter") if killed.startswith("before") else (sending, "_settle")
        with monkeypatch.context() as deadly:
            if target[0] is sending:
                deadly.setattr(*target, die)
            else:
                deadly.setitem(
                    current_app.extensions, "doorstep.messages", replace(target[0], **{target[1]: die})
                )
            with pytest.raises(SystemExit):
                sending.send_one(key)
        db.session.rollback()
        message = held(key)
        assert message.state == MessageState.SENDING
        message.lease_until = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        db.session.commit()
        assert sending.sweep() == 0, "the archive knows what became of it"
        sending.send_one(key)
        assert held(key).state == MessageState.SENT
        assert held(key).reference == db.session.scalars(sa.select(IssuedDocument.number)).one()


def test_a_letter_that_cannot_be_printed_was_certainly_not_sent(world, scope_of, system):
    key = write(scope_of, world, "letter")
    with system():
        held(key).recipient_name = "王\ue000"
        db.session.commit()
        assert sending.send_one(key) == "failed"
        assert held(key).state == MessageState.FAILED and "\ue000" in held(key).reason
        assert db.session.scalar(sa.select(IssuedDocument)) is None


@pytest.mark.hypothesis
@given(
    moment=st.integers(1_760_000_000, 1_800_000_000).map(
        lambda second: dt.datetime.fromtimestamp(second, dt.UTC)
    ),
    begins=st.integers(0, 23),
    ends=st.integers(0, 23),
)
def test_after_the_quiet_hours_it_is_never_quiet_and_never_earlier(moment, begins, ends):
    later = after_quiet(moment, begins, ends)
    assert later >= moment
    assert not is_quiet(later, begins, ends)
    assert later - moment < dt.timedelta(days=1)
    assert (later == moment) == (not is_quiet(moment, begins, ends))
    if later != moment:
        assert later.astimezone(LOCAL_ZONE).hour == ends
        assert is_quiet(later - dt.timedelta(seconds=1), begins, ends)
