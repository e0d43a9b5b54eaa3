"""What the program says in the history of an order, in the words of whoever reads it.

What happened is stored as a code with its numbers, see :class:`~plugins.warranty.models.Saying`; what a person wrote
stays in his own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.toolkit import _l
from plugins.warranty.models import OrderEvent, Saying
from plugins.warranty.words import COVERS

SAYINGS: Mapping[str, Any] = {
    Saying.NOBODY_OPENED: _l("Nobody opened."),
    Saying.REACHED: _l("The owner was reached."),
    Saying.NOT_REACHED: _l("The owner was not reached."),
    Saying.URGED: _l("The owner urges, time %(count)s."),
    Saying.ASSESSED: _l("Assessed: %(cover)s"),
    Saying.REPEAT: _l("Repeat of %(number)s"),
    Saying.STARTED: _l("The repair begins."),
    Saying.RESTS: _l("The owner was told that the work rests."),
    Saying.GOES_ON: _l("The work goes on."),
    Saying.ASKED: _l("The owner was asked to accept the repair."),
    Saying.ACCEPTED: _l("The owner accepted the repair."),
    Saying.SILENCE: _l("Accepted by silence: no answer within %(days)s days."),
    Saying.SATISFACTION: _l("Satisfaction: %(score)s of 5"),
    Saying.CLOSED: _l("Closed."),
    Saying.MERGED: _l("Merged into %(number)s"),
    Saying.SAME: _l("%(number)s is the same"),
    Saying.CASE: _l("Belongs to %(number)s"),
    Saying.NOTICE: _l("Notice %(stage)s: %(number)s"),
    Saying.NOTICE_ANSWERED: _l("%(number)s was answered"),
    Saying.NOTICE_WITHDRAWN: _l("%(number)s was withdrawn"),
    Saying.THIRD_PARTY: _l("Third party ordered: %(name)s"),
    Saying.DEDUCTION_ISSUED: _l("Deduction %(number)s issued"),
    Saying.DEDUCTION_BOOKED: _l("Deduction %(number)s booked"),
}


def told(event: OrderEvent) -> str:
    """Return a line of the history in the reader's language: what the program says, then what somebody wrote."""
    facts = dict(event.facts or {})
    if "cover" in facts:
        facts["cover"] = str(COVERS[facts["cover"]][1])
    saying = str(SAYINGS[event.saying]) % facts if event.saying in SAYINGS else ""
    return " · ".join(filter(None, (saying, str(event.text))))
