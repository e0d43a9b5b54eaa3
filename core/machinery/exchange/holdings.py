"""What imports keep of the records of a plugin, for the export and the erasure of its data."""

from __future__ import annotations

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.machinery.exchange.models import ImportBatch, ImportMapping
from core.plugin_system.holdings import Holding, Trace, delete_rows, queried


def _batches(trace: Trace) -> sa.ColumnElement[bool]:
    return trace.starts(ImportBatch.kind)


def _erase_batches(trace: Trace) -> None:
    delete_rows(ImportBatch, _batches(trace), f"erasing the plugin {trace.slug}")


def _mappings(trace: Trace) -> sa.ColumnElement[bool]:
    return trace.starts(ImportMapping.kind)


def _erase_mappings(trace: Trace) -> None:
    delete_rows(ImportMapping, _mappings(trace), f"erasing the plugin {trace.slug}")


HOLDINGS: tuple[Holding, ...] = (
    queried("imports", _l("Imports of its records"), ImportBatch, _batches, erase=_erase_batches),
    queried("import_mappings", _l("Columns of its imports"), ImportMapping, _mappings, erase=_erase_mappings),
)
