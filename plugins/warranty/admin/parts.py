"""Spare parts in store."""

from __future__ import annotations

from typing import Any

from flask import request
from sqlalchemy.orm import undefer
from werkzeug.wrappers import Response

from core.toolkit import (
    PROJECTS,
    GuardedForm,
    ReferenceFilter,
    SearchDeclaration,
    ViewPermissions,
    _,
    _l,
    expose_guarded,
)
from plugins.warranty import words
from plugins.warranty.admin.common import WarrantyView, take_step, typed
from plugins.warranty.admin.marks import (
    CATEGORY_CHOICES,
    number_of,
)
from plugins.warranty.models import (
    SparePart,
)
from plugins.warranty.services import stock


class PartView(WarrantyView):
    """Spare parts in store."""

    permissions = ViewPermissions("warranty.view", "warranty.edit_parts", None, None, None)
    record_kind = "warranty.part"
    column_list = ("name", "specification", "project.name", "category", "stock", "location")
    column_details_list = ("name", "specification", "project.name", "category", "stock", "location")
    column_labels = {
        "name": _l("Spare part"),
        "specification": _l("Brand, model, colour lot"),
        "project.name": _l("Project"),
        "project_id": _l("Project"),
        "category": _l("Category"),
        "category_code": _l("Category"),
        "stock": _l("In store"),
        "quantity": _l("In store"),
        "measure": _l("Unit of measure"),
        "location": _l("Place in the store"),
    }
    choices = {"category_code": CATEGORY_CHOICES}
    cells = {
        "category": lambda row: words.category_name(row.category_code),
        "stock": lambda row: f"{row.quantity} {row.measure}",
    }
    list_options = tuple(
        undefer(getattr(SparePart, name)) for name in ("category_code", "quantity", "measure")
    )
    search = SearchDeclaration(
        columns=("name", "specification"), small_table=True, placeholder=_l("Name or model")
    )
    filters = (ReferenceFilter("project_id", reference=PROJECTS),)
    form_columns = ("project_id", "name", "specification", "category_code", "measure", "quantity", "location")
    form_args = {"quantity": {"label": _l("In store at the beginning")}}
    references = {"project_id": PROJECTS}
    details_template = "warranty/admin/part.html"
    empty_list_hint = _l("Keep tiles, paint and fittings of the lots that were used, so that repairs match.")

    def create_record(self, form: GuardedForm) -> SparePart:
        """Add a spare part."""
        values = form.values()
        return stock.add_part(
            form["project_id"].record,
            name=values["name"] or "",
            specification=values["specification"] or "",
            category_code=values["category_code"],
            measure=values["measure"] or "",
            location=values["location"] or "",
            quantity=values["quantity"] or 0,
        )

    @expose_guarded("/move/", permission="warranty.edit_parts", methods=("POST",))
    def move(self) -> Response:
        """Note that parts came in or were used."""
        record = self.get_one(request.args.get("id"))
        sign = -1 if typed("direction", 4) == "out" else 1

        def step() -> Any:
            return stock.move_part(
                record, sign * number_of(typed("quantity", 9), _("Quantity")), typed("note", 255)
            )

        return take_step(self.address("details_view", id=record.id), step, _("The store is up to date."))
