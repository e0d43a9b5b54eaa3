"""The records behind K01 to K10 are as many as the figures say, and their page shows them."""

from __future__ import annotations

import datetime as dt
import random

import pytest

from core.toolkit import db
from plugins.handover import drilldown, indicators, services
from plugins.handover.figures import figures_of
from plugins.handover.models import InspectionKind, Severity
from plugins.handover.tests.conftest import finished, unit
from plugins.handover.tests.test_daily_figures import invent


@pytest.fixture
def batch_id(site, scope_of) -> int:
    """A batch in which something counts in every figure."""
    with scope_of("admin", "group"):
        batch, _houses = invent(site, random.Random(5))
        batch.delivery_on = dt.date(2026, 1, 1)
        finished(site.unit_ids[0], "WL11")
        for key in site.unit_ids[:2]:
            services.add_units(batch, [unit(key)])
        db.session.commit()
        return batch.id


def test_the_records_are_as_many_as_the_figure_says(batch_id, running_app, scope_of):
    with running_app.test_request_context(), scope_of("admin", "group"):
        batch = db.session.get_one(services.batches.HandoverBatch, batch_id)
        for figure in figures_of(batch):
            reached, counted = (
                len(drilldown.SOURCES[figure.code](batch_id, part)[1])
                for part in (drilldown.REACHED, drilldown.COUNTED)
            )
            said = [int(text.replace(",", "")) for text in figure.fraction.split(" / ")]
            if figure.code == "K10":
                said[0] = reached
            assert [reached, counted] == said, figure.code
        shown = {figure.code: figure.value for figure in figures_of(batch)}
        assert all(shown[code] for code in ("K02", "K03", "K04", "K06", "K09", "K10")), shown


def test_the_page_lists_them_and_knows_no_others(batch_id, sign_in):
    client = sign_in("admin", "group")
    page = client.get(f"/admin/handover/batches/details/?id={batch_id}").text
    for code in drilldown.SOURCES:
        assert f"/batches/records/?id={batch_id}&amp;code={code}" in page
        for part in drilldown.PARTS:
            answer = client.get(f"/admin/handover/batches/records/?id={batch_id}&code={code}&part={part}")
            assert answer.status_code == 200, code
    refused = client.get(f"/admin/handover/batches/records/?id={batch_id}&code=K09&part=reached").text
    assert "/handover/units/details/?id=" in refused
    for query in ("code=K11", "code=K09&part=other"):
        assert client.get(f"/admin/handover/batches/records/?id={batch_id}&{query}").status_code == 404
    far = client.get(f"/admin/handover/batches/records/?id={batch_id}&code=K06&page=999999999999999999999")
    assert far.status_code == 200


def test_the_standing_of_a_batch_counts_open_defects_and_own_rounds(site, scope_of):
    """T−7: at most three open defects for each house and no S1 or S2; of own rounds 95 % closed, of S1 all."""
    with scope_of("admin", "group"):
        batch = services.create_batch(unit(site.unit_ids[0]).project, code="T7", name="T7")
        services.add_units(batch, [unit(key) for key in site.unit_ids[:2]])
        inspection = finished(site.unit_ids[0], "WP01", "DR02", kind=InspectionKind.HOUSEHOLD)
        standing = indicators.standing(batch.id)
        assert (standing.open_per_house.numerator, standing.open_per_house.denominator) == (2, 2)
        assert standing.serious == 1
        assert (standing.closed.percent, standing.worst_closed.percent) == ("0.0%", "0.0%")
        worst = next(each for each in services.valid_defects(inspection) if each.severity == Severity.S1)
        worst.state = "closed"
        db.session.flush()
        standing = indicators.standing(batch.id)
        assert (standing.serious, standing.open_per_house.mean) == (0, "0.5")
        assert (standing.closed.percent, standing.worst_closed.percent) == ("50.0%", "100.0%")
