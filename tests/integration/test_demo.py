"""The demo story is told to its end, so that `make run` shows a site in which every list has something to look at."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from flask import Flask

from core.database.scope import all_departments
from core.demo import office, story
from core.extensions import db
from core.people.models import User
from core.testing.staff_client import StaffClient

pytestmark = [pytest.mark.one_database, pytest.mark.begins_first]

_MAY_BE_EMPTY = {
    "/admin/work/",
    "/admin/approvals_inbox/",
    # They ask something first.
    "/admin/warranty/caller/",
    "/admin/warranty/cover/",
    # The holidays come with a library; an office that works on other days writes them down.
    "/admin/working_days/",
    "/admin/health/",
}
"""What says that there is nothing: the head of the department has no work waiting, and nothing is broken."""


def test_the_demo_is_told_and_fills_the_lists(app: Flask) -> None:
    app.test_cli_runner().invoke(args=["setup"], catch_exceptions=False)
    with app.app_context():
        story.tell()
        office.work_off()
        with all_departments("the accounts of the demo"):
            user = db.session.scalars(sa.select(User).where(User.email.startswith("lin.lan@"))).one()
            user.tf_primary_method = "authenticator"
            user.tf_totp_secret = app.extensions["security"].totp_factory.generate_totp_secret()
            db.session.commit()
            head = user.id
    browser = app.test_client()
    assert isinstance(browser, StaffClient)
    browser.sign_in(head)
    home = browser.get("/admin/")
    assert home.status_code == 200
    side = home.text.split("</aside>")[0]
    addresses = re.findall(r'<li><a href="(/admin/[^"]*)"', side)
    assert len(addresses) > 40
    empty = []
    for address in addresses:
        page = browser.get(address, follow_redirects=True)
        assert page.status_code == 200, address
        if 'class="empty' in page.text:
            empty.append(address)
    assert set(empty) <= _MAY_BE_EMPTY
