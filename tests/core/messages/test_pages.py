"""The screens of messages: outbox, decisions, texts, writing to many, and the sender as a periodic task."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from core.customers.models import Customer
from core.extensions import db
from core.machinery.jobs.models import Job
from core.machinery.messages import sending, services
from core.machinery.messages.models import Message, MessageBatch, MessageState, MessageText
from core.testing import run_pending_jobs


def counted(system, model):
    with system():
        return db.session.scalar(sa.select(sa.func.count(model.id)))


@pytest.fixture
def message(world, scope_of):
    with scope_of("service"):
        customer = db.session.get_one(Customer, world.own.customer_ids[0])
        made = services.send_message("core.confirm_contact", customer, dedupe_key="k")
        db.session.commit()
        return made.id


def test_the_outbox_shows_what_was_written_and_takes_it_back(world, sign_in, message, system):
    browser = sign_in("admin", "group")
    assert world.own.canary in browser.get("/admin/messages/").text
    page = browser.get(f"/admin/messages/details/?id={message}").text
    assert "客服热线" in page and world.own.phones[0] in page
    browser.post(f"/admin/messages/cancel/?id={message}")
    with system():
        assert db.session.get_one(Message, message).state == MessageState.CANCELLED
    answer = browser.post(f"/admin/messages/cancel/?id={message}", follow_redirects=True)
    assert answer.status_code == 200


def test_what_nobody_knows_is_decided_by_a_person(world, sign_in, message, system):
    with system():
        row = db.session.get_one(Message, message)
        row.state, row.channel, row.reason = MessageState.UNKNOWN, "core.smtp", "?"
        db.session.commit()
    browser = sign_in("admin", "group")
    page = browser.get(f"/admin/messages/details/?id={message}").text
    assert 'value="again"' in page
    assert "/admin/messages/ask/" not in page
    browser.post(f"/admin/messages/decide/?id={message}", data={"verdict": "again", "reason": ""})
    with system():
        assert db.session.get_one(Message, message).state == MessageState.UNKNOWN
    browser.post(f"/admin/messages/decide/?id={message}", data={"verdict": "sent", "reason": "he told us"})
    with system():
        assert db.session.get_one(Message, message).state == MessageState.SENT


def test_a_text_is_changed_for_a_department_with_a_preview(world, sign_in, system):
    browser = sign_in("admin", "group")
    assert browser.get("/admin/message_texts/").status_code == 200
    address = "/admin/message_texts/edit/?code=core.greeting&language=zh_Hans_CN"
    page = browser.get(f"{address}&customer_id={world.own.customer_ids[0]}").text
    assert f"{world.own.canary}客户101，您好" in page
    assert browser.get(f"{address}&customer_id=999999999").status_code == 404
    bad = browser.post(address, data={"subject": "问候", "body": "{customer}{nonsense}您好"})
    assert bad.status_code == 422 and "{nonsense}" in bad.text
    assert browser.post(address, data={"subject": "问候", "body": "{customer}新年好"}).status_code == 303
    page = browser.get(f"{address}&customer_id={world.own.customer_ids[0]}").text
    assert f"{world.own.canary}客户101新年好" in page
    assert browser.post(address, data={"restore": "1"}).status_code == 303
    assert counted(system, MessageText) == 0


def test_who_may_not_change_texts_reads_them(world, sign_in, system):
    with system():
        role = world.role("service")
        role.permissions = [code for code in role.permissions if code != "messages.edit_texts"]
        db.session.commit()
    browser = sign_in("service")
    address = "/admin/message_texts/edit/?code=core.greeting&language=en"
    assert "readonly" in browser.get(address).text
    assert browser.post(address, data={"body": "x"}).status_code == 403


@pytest.mark.parametrize("how", ["ticked", "filtered"])
def test_customers_of_a_list_are_written_to_by_a_job(world, sign_in, system, running_app, how):
    browser = sign_in("admin", "group")
    if how == "ticked":
        data = {"action": "message", "rowid": list(world.own.customer_ids[:2])}
        answer = browser.post("/admin/customers/action/", data=data)
    else:
        answer = browser.post(f"/admin/customers/message/?search={world.own.canary}客户1")
    where = answer.headers["Location"]
    page = browser.get(where).text
    assert "您好" in page
    key = int(re.search(r"id=(\d+)", where)[1])
    data = {"id": key, "template": "core.confirm_contact", "title": "核对", "not_before": ""}
    first, second = (browser.post("/admin/message_compose/", data=data) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    run_pending_jobs(running_app)
    with system():
        batch = db.session.get_one(MessageBatch, key)
        assert services.counts_of(batch) == {MessageState.WAITING: 2}
        job = db.session.get_one(Job, batch.job_id)
        assert (job.done, job.failed) == (2, 0)
    assert "2 / 2" in browser.get(f"/admin/message_batches/details/?id={key}").text


def test_customers_that_were_ticked_and_not_written_to_stand_as_a_draft(world, sign_in, scope_of):
    with scope_of("head", "group"):
        key = services.draft_batch(world.own.customer_ids).id
        db.session.commit()
    browser = sign_in("head", "group")
    for address in ("/admin/message_batches/", f"/admin/message_batches/details/?id={key}"):
        assert "草稿" in browser.get(address).text


def test_nobody_composes_for_another(world, sign_in, scope_of):
    with scope_of("head", "group"):
        batch = services.draft_batch(world.own.customer_ids)
        db.session.commit()
        key = batch.id
    assert sign_in("admin", "group").get(f"/admin/message_compose/?id={key}").status_code == 404


def test_the_periodic_task_sends_portions(world, scope_of, system, monkeypatch):
    monkeypatch.setattr(sending, "PORTION", 2)
    with scope_of("service"):
        for number in range(5):
            customer = db.session.get_one(Customer, world.own.customer_ids[0])
            message = services.send_message("core.confirm_contact", customer, dedupe_key=str(number))
            message.urgent, message.not_before = True, message.created_at
        db.session.commit()

    class Run:
        def each(self, keys, do, size):
            for key in keys:
                do(key)

    with system():
        sending.run_sender(Run())
        states = db.session.scalars(sa.select(Message.state)).all()
        assert set(states) == {MessageState.SENT} and len(states) == 5
