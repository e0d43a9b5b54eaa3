"""Downloads of large lists: jobs, the mark of who took the file out, and remembered columns."""

from __future__ import annotations

import csv
import io

import pytest
import sqlalchemy as sa

from core.extensions import db
from core.machinery.audit.models import AuditEntry
from core.machinery.jobs.models import JobFile
from core.machinery.jobs.services import means_of
from core.testing import run_pending_jobs

ADDRESS = "/admin/customers/export/"
FORM = {"format": "csv", "columns": ["name", "phone"], "reason": "the yearly letter"}


@pytest.fixture
def large(app, monkeypatch):
    """Already two rows are too many for a request."""
    monkeypatch.setitem(app.config, "EXPORT_ROWS_IN_REQUEST", 1)


def test_a_large_list_is_written_by_a_job_as_the_user_sees_it(app, sign_in, world, large):
    browser = sign_in("admin")
    assert browser.post(ADDRESS, data=FORM).status_code == 303
    run_pending_jobs(app)
    with app.app_context():
        held = db.session.connection().execute(sa.select(JobFile.__table__)).mappings().one()
        content = means_of().decrypt(means_of().store.read(held["stored_key"]))
        logged = db.session.connection().execute(sa.select(AuditEntry.__table__.c.action)).scalars().all()
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    names = [row[0] for row in rows[1:-2]]
    assert names[:3] == [f"{world.own.canary}客户{number}" for number in (101, 102, 201)]
    assert len(names) == 10
    assert "用户admin" in rows[-1][0]
    assert "the yearly letter" in rows[-1][0]
    assert "exported" in logged


def test_a_large_list_needs_a_right_of_its_own(app, sign_in, world, large, system):
    with app.app_context(), system():
        role = world.role("admin")
        role.permissions = [code for code in role.permissions if code != "exports.large"]
        db.session.commit()
    assert sign_in("admin").post(ADDRESS, data=FORM).status_code == 422


def test_the_choice_of_columns_is_remembered_and_kept_under_a_name(app, sign_in, world):
    browser = sign_in("admin")
    browser.post(ADDRESS, data={**FORM, "columns": ["name"], "preset_name": "姓名表"})
    browser.post(ADDRESS, data={**FORM, "columns": ["phone"]})
    last = browser.get(ADDRESS).text
    assert 'value="phone" checked' in last
    assert 'value="name" checked' not in last
    named = browser.get(f"{ADDRESS}?preset=姓名表").text
    assert 'value="name" checked' in named
    assert 'value="phone" checked' not in named
    assert browser.post(ADDRESS, data={"forget": "姓名表"}).status_code == 303
    assert "姓名表" not in browser.get(ADDRESS).text
