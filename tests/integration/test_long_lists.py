"""The long lists of the modules are sorted along an index, whoever asks: that of the table, or that of each project."""

from __future__ import annotations

import pytest

from core.admin.listing import is_sorted_in_projects
from plugins.handover.models import Defect, Inspection
from plugins.reservations.models import Booking
from plugins.warranty.models import Order, Request


@pytest.mark.parametrize("model", [Defect, Inspection, Booking, Order, Request])
def test_numbers_are_in_order_within_each_project(model):
    """The number begins with the code of the project, so that the rows of who sees some projects lie far apart."""
    assert is_sorted_in_projects(model, "project_id", "number")
