"""Words of the promise register."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l

from core.promises.models import PromiseSource, PromiseState

STATES: Mapping[PromiseState, tuple[str, Any]] = {
    PromiseState.OPEN: ("wait", _l("To keep")),
    PromiseState.KEPT: ("ok", _l("Promise kept")),
    PromiseState.BROKEN: ("late", _l("Promise broken")),
    PromiseState.VOID: ("calm", _l("Not promised")),
}
SOURCES: Mapping[PromiseSource, Any] = {
    PromiseSource.ADVERTISEMENT: _l("Advertisement"),
    PromiseSource.SAMPLE_HOUSE: _l("Sample house"),
    PromiseSource.CONSULTANT: _l("Consultant"),
    PromiseSource.CONTRACT: _l("Contract"),
    PromiseSource.LETTER: _l("Letter"),
    PromiseSource.SERVICE: _l("Service"),
    PromiseSource.OTHER: _l("Other"),
}
LABELS: Mapping[str, Any] = {
    "number": _l("Number"),
    "project_id": _l("Project"),
    "project.name": _l("Project"),
    "unit_id": _l("Unit"),
    "unit.code": _l("Unit"),
    "customer_id": _l("Customer"),
    "customer": _l("Customer"),
    "text": _l("What was promised"),
    "said_by": _l("Who promised it"),
    "made_on": _l("Promised on"),
    "stage": _l("Stage"),
    "source": _l("Where"),
    "due_on": _l("To keep until"),
    "responsible_role": _l("Responsible"),
    "state": _l("State"),
    "how": _l("How it was kept, or why not"),
    "settled_on": _l("Settled on"),
    "settled_by": _l("Settled by"),
    "created_by": _l("Registered by"),
}
