"""The jobs of a plugin: what ran stays on record; nothing starts it any more."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from core.machinery.jobs.models import Job
from core.plugin_system.holdings import Holding, queried

HOLDINGS: tuple[Holding, ...] = (
    queried(
        "jobs",
        _l("Jobs in the background"),
        Job,
        lambda trace: trace.starts(Job.kind),
        stays=_l("They tell what was run and when; old ones are removed by themselves."),
    ),
)
