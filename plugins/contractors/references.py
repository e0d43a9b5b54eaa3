"""Where forms and filters find companies, here and in the modules that depend on this one."""

from __future__ import annotations

from core.toolkit import Reference, SearchDeclaration
from plugins.contractors.models import Company

COMPANIES = Reference(
    Company,
    lambda company: company.label,
    SearchDeclaration(columns=("name", "short_name"), small_table=True),
    order_by=("name",),
    narrow=lambda: (Company.archived_at.is_(None),),
)
"""The companies that are not archived, by their short name where there is one."""
