"""The list of defects stays quick however many there are: search by index, and figures of many on request."""

from __future__ import annotations

import re

import pytest

from core.toolkit import db
from plugins.handover import admin, services
from plugins.handover.models import Severity
from plugins.handover.tests.conftest import unit

LIST = "/admin/handover/defects/"


@pytest.fixture
def defects(site, system) -> list[tuple[int, str]]:
    """Key and number of a leak and of a scratch."""
    with system():
        made = [
            services.register_defect(
                unit(site.unit_ids[0]),
                room_name="主卫",
                codes=["D01"],
                description=text,
                severity=Severity.S3,
            )
            for text in ("地漏周边渗水", "门套划伤 Scratch")
        ]
        db.session.commit()
        return [(defect.id, defect.number) for defect in made]


def found(client, text: str) -> set[int]:
    page = client.get(LIST, query_string={"search": text})
    assert page.status_code == 200
    return {int(key) for key in re.findall(r'<tr data-id="(\d+)"', page.text)}


def test_defects_are_found_by_a_part_of_the_number_and_by_what_is_wrong(defects, sign_in):
    client = sign_in("admin", "group")
    (leak, number), (scratch, other) = defects
    assert found(client, number[-6:]) == {leak}
    assert found(client, other) == {scratch}
    assert found(client, "地漏") == {leak}
    assert found(client, "周边渗") == {leak}
    assert found(client, "scratch") == {scratch}
    assert found(client, "门套 划伤") == {scratch}
    assert found(client, "%") == {leak, scratch}, "one character is too short, the list is shown unsearched"
    assert found(client, "屋面") == set()


def figures_of(client, query: str = "") -> str:
    """Ask for the figures above the list as its page does, and return what the page shows then."""
    page = client.get(f"{LIST}?{query}").text
    address = re.search(r'data-part="([^"]+)"', page)
    assert address is not None
    answer = client.get(address[1].replace("&amp;", "&"))
    assert answer.status_code == 200
    return answer.text


def test_figures_of_many_defects_are_counted_when_somebody_asks(defects, sign_in, monkeypatch):
    client = sign_in("admin", "group")
    assert '<dl class="kpi">' in figures_of(client)
    monkeypatch.setattr(admin.defects, "COUNTED_AT_ONCE", 1)
    part = figures_of(client, "f_severity=S3&function=1&_external=1")
    assert '<dl class="kpi">' not in part
    link = re.search(r'<a href="([^"]*figures=1)"', part)
    assert link is not None
    address = link[1].replace("&amp;", "&")
    assert "f_severity=S3" in address
    assert '<dl class="kpi">' in figures_of(client, address.partition("?")[2])
    assert '<dl class="kpi">' in figures_of(client, "f_severity=S1"), "of few they are shown at once"


@pytest.mark.parametrize("department", ["group", "city", "region"])
def test_defects_are_sorted_within_the_projects_that_one_sees(department, defects, sign_in):
    client = sign_in("admin", department)
    keys = [key for key, _number in sorted(defects, key=lambda pair: pair[1])]
    for sort in ("number", "promised_by"):
        for query, expected in ((f"sort={sort}", keys), (f"sort={sort}&desc=1", keys[::-1])):
            page = client.get(f"{LIST}?{query}&f_severity=S3").text
            assert [int(key) for key in re.findall(r'<tr data-id="(\d+)"', page)] == expected
