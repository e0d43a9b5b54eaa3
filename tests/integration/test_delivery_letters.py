"""Letters of the handover and the machinery that lays them out."""

from __future__ import annotations

import pytest

from core.extensions import db
from core.machinery.documents import services as printing
from core.testing import run_pending_jobs
from plugins.handover import services
from plugins.handover.preparation.models import LetterKind
from plugins.handover.preparation.services import charges
from plugins.handover.tests.conftest import site
from plugins.handover.tests.test_letters import place, start

__all__ = ["place", "site"]


@pytest.mark.parametrize("kind", list(LetterKind))
def test_letters_of_a_job_are_laid_out_once_and_while_nobody_waits(place, running_app, monkeypatch, kind):
    """On SQLite whoever writes holds up all others, so the pages are made before the step that writes."""
    charges.load_standard_rules(place.project)
    if kind == LetterKind.REMINDER:
        services.take_step(place, "notify", {})
    while_reading, lay_out = [], printing._laid_out

    def watched(*args):
        options = db.session.connection().get_execution_options()
        while_reading.append(options.get("read_only", False))
        return lay_out(*args)

    monkeypatch.setattr(printing, "_laid_out", watched)
    start(place, kind)
    (job,) = run_pending_jobs(running_app)
    assert (job.done, job.failures, while_reading) == (1, (), [True])
