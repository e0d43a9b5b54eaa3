"""Taking over what the handover left open in a house."""

from __future__ import annotations

from typing import Any

from flask import abort, url_for
from werkzeug.wrappers import Response

from core.toolkit import PageView, Unit, _, expose_guarded
from plugins.warranty.admin.common import of_address, take_step
from plugins.warranty.services.leftovers import leftovers_of, take_over_items


class LeftoversView(PageView):
    """Open items of a house, and the button that makes orders of them."""

    @expose_guarded("/", permission="warranty.create_request")
    def index(self) -> Any:
        """Show what is left over in a house."""
        unit = of_address(Unit, "unit") or abort(404)
        return self.render("warranty/admin/leftovers.html", unit=unit, items=leftovers_of(unit))

    @expose_guarded("/take-over/", permission="warranty.create_request", methods=("POST",))
    def take_over(self) -> Response:
        """Make orders of the open items of a house."""
        unit = of_address(Unit, "unit") or abort(404)
        return take_step(
            url_for("units.details_view", id=unit.id),
            lambda: take_over_items(unit),
            lambda made: _("Request %(number)s holds the open items as orders.", number=made.number),
        )
