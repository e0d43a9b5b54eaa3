"""The contractors module: its manifest, and what it declares. Start reading here."""

from __future__ import annotations

from collections.abc import Sequence

from core.toolkit import Manifest, SeedData, _l, hookimpl
from plugins.contractors import services

manifest = Manifest(
    slug="contractors",
    name=_l("Contractors"),
    version="1.0.0",
    api=1,
    summary=_l(
        "Companies with their trades and contacts, and who answers for which trade in which building."
    ),
    category="base",
)


@hookimpl
def seed_data() -> Sequence[SeedData]:
    """Load the catalogue of trades."""
    return (SeedData(services.load_trades),)


@hookimpl
def obstacles(record_kind: str, record_id: int) -> Sequence[str]:
    """Say why a building, project or department may not be deleted."""
    return services.uses_of(record_kind, record_id)
