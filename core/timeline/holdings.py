"""What a plugin wrote on timelines: it is part of the customer's history and stays readable without the plugin."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from core.plugin_system.holdings import Holding, queried
from core.timeline.models import TimelineEntry

HOLDINGS: tuple[Holding, ...] = (
    queried(
        "timeline_entries",
        _l("Entries on timelines"),
        TimelineEntry,
        lambda trace: TimelineEntry.component == trace.slug,
        stays=_l("They are the history of customers and units and stay readable."),
    ),
)
