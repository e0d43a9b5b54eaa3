"""The requests about a plugin's records, for the export and the erasure of its data."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.machinery.approvals.models import ApprovalRequest, ApprovalTask
from core.plugin_system.holdings import Holding, Trace, delete_rows, queried


def _requests(trace: Trace) -> sa.ColumnElement[bool]:
    return trace.starts(ApprovalRequest.kind)


def _opinions(trace: Trace) -> sa.ColumnElement[bool]:
    return ApprovalTask.request_id.in_(sa.select(ApprovalRequest.id).where(_requests(trace)))


def _erase(trace: Trace) -> Callable[[], None] | None:
    why = f"erasing the plugin {trace.slug}"
    delete_rows(ApprovalTask, _opinions(trace), why)
    delete_rows(ApprovalRequest, _requests(trace), why)
    return None


HOLDINGS: tuple[Holding, ...] = (
    queried("approval_opinions", _l("Opinions on its approvals"), ApprovalTask, _opinions),
    queried("approvals", _l("Approvals of its records"), ApprovalRequest, _requests, erase=_erase),
)
