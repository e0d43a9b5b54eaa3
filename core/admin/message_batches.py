"""Messages to many customers: choosing the text, looking at it with a real customer, and the progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from core.admin.access import ViewPermissions
from core.admin.cells import status_mark
from core.admin.filters import DateRangeFilter
from core.admin.views import RecordView
from core.machinery.messages import services
from core.machinery.messages.declarations import label_of
from core.machinery.messages.models import MessageBatch
from core.machinery.messages.words import STATES


class MessageBatchView(RecordView):
    """Batches, newest first; they are made from the list of customers."""

    permissions = ViewPermissions(view="messages.view")
    column_list = ("title", "what", "total", "created_at")
    column_details_list = ("title", "what", "total", "not_before", "created_at")
    column_labels = {
        "title": _l("Title"),
        "what": _l("Message"),
        "total": _l("Customers"),
        "not_before": _l("Not before"),
        "created_at": _l("Made"),
    }
    cells = {
        # A draft has no template yet: somebody ticked customers and has not sent anything so far.
        "title": lambda batch: batch.title if batch.template else status_mark("calm", _("Draft")),
        "what": lambda batch: label_of(batch.template) if batch.template else "",
        "total": lambda batch: batch.total,
    }
    filters = (DateRangeFilter("created_at"),)
    default_sort = ("id", True)
    details_template = "messages/batch.html"
    empty_list_hint = _l("Tick customers in their list, or filter it, and choose “Write a message”.")

    def details_extra(self, record: MessageBatch) -> Mapping[str, Any]:
        """Return how many messages are in which state."""
        counts = services.counts_of(record)
        figures: Sequence[tuple[str, Any, int]] = [
            (tone, words, counts[state]) for state, (tone, words) in STATES.items() if counts.get(state)
        ]
        return {"figures": figures, "written": sum(counts.values())}
