"""The address under which units and owners were imported before imports had pages of their own."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for

from core.admin.access import expose_guarded
from core.admin.ajax import strict_id
from core.admin.views import PageView

PERMISSION = "import.units"
CODE = "core.units_and_owners"


class UnitImportPage(PageView):
    """Leads to the import of units and owners."""

    @expose_guarded("/", permission=PERMISSION)
    def start(self) -> Any:
        """Lead on, with the chosen project."""
        project = strict_id(request.args.get("project"))
        return redirect(url_for("imports.start", kind=CODE, project=project), 303)
