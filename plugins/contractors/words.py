"""The words of kinds and roles, as staff read them."""

from __future__ import annotations

from core.toolkit import _l
from plugins.contractors.models import CompanyKind, ContactRole

KINDS = (
    (CompanyKind.GENERAL, _l("General contractor")),
    (CompanyKind.SPECIALIST, _l("Specialist contractor")),
    (CompanyKind.SUPPLIER, _l("Supplier")),
)
ROLES = (
    (ContactRole.PROJECT_MANAGER, _l("Project manager")),
    (ContactRole.WARRANTY_SUPERVISOR, _l("Warranty supervisor")),
    (ContactRole.SITE_ENGINEER, _l("Site engineer")),
    (ContactRole.OFFICE, _l("Office")),
    (ContactRole.OTHER, _l("Other contact")),
)


def kind_words(kind: str) -> str:
    """Return the words for a kind of company."""
    return str(dict(KINDS)[CompanyKind(kind)])


def role_words(role: str) -> str:
    """Return the words for the role of a contact."""
    return str(dict(ROLES)[ContactRole(role)])
