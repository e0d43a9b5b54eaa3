"""The signatures under the records of a plugin, for the export and the erasure of its data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_babel import lazy_gettext as _l

from core.machinery.signatures.models import Signature, Supplement
from core.plugin_system.holdings import Holding, Trace, delete_rows, queried


def _of(model: Any) -> tuple[Callable[[Trace], Any], Callable[[Trace], None]]:
    def condition(trace: Trace) -> Any:
        return trace.starts(model.record_kind)

    def erase(trace: Trace) -> None:
        delete_rows(model, condition(trace), f"erasing the plugin {trace.slug}")

    return condition, erase


_signatures, _erase_signatures = _of(Signature)
_supplements, _erase_supplements = _of(Supplement)

HOLDINGS: tuple[Holding, ...] = (
    queried(
        "signatures", _l("Signatures under its records"), Signature, _signatures, erase=_erase_signatures
    ),
    queried(
        "signature_supplements",
        _l("Supplements to its signed records"),
        Supplement,
        _supplements,
        erase=_erase_supplements,
    ),
)
