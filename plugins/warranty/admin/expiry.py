"""Which warranties end soon, and whether their owners were told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import request, url_for
from markupsafe import Markup
from sqlalchemy.orm import joinedload, undefer

from core.toolkit import (
    PROJECTS,
    UNITS,
    BooleanFilter,
    Count,
    CountedTabs,
    DateRangeFilter,
    FilterValueError,
    ReferenceFilter,
    Unit,
    ViewPermissions,
    _,
    _l,
    bulk_action,
    count_each,
    issue_batch,
    local_today,
    ngettext,
)
from plugins.warranty import words
from plugins.warranty.admin.common import WarrantyView, status
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import ExpiryNotice, ToldHow
from plugins.warranty.services import expiry


class ToldFilter(BooleanFilter):
    """Whether the owner was told."""

    def conditions(self, view: Any, typed: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
        """Return the condition of what was chosen."""
        if typed[0] not in {"0", "1"}:
            raise FilterValueError(_("Choose yes or no."))
        told = ExpiryNotice.told_at.is_not(None)
        return [told if typed[0] == "1" else sa.not_(told)]


class ExpiryView(CountedTabs, WarrantyView):
    """The ends of warranties of which owners have to hear; property management tells those whom no message reaches."""

    permissions = ViewPermissions("warranty.view", None, None, None, None)
    record_kind = "warranty.expiry"
    column_list = ("house", "ends_on", "ending", "told", "told_how")
    column_details_list = ("house", "ends_on", "ending", "told", "told_how")
    column_export_list = ("unit.code", "ends_on", "categories", "told_at", "told_how")
    column_labels = {
        "house": _l("House"),
        "unit.code": _l("House"),
        "unit_id": _l("House"),
        "project_id": _l("Project"),
        "ends_on": _l("Last day of cover"),
        "ending": _l("What ends"),
        "categories": _l("What ends"),
        "told": _l("Told to the owner"),
        "told_at": _l("Told to the owner"),
        "told_how": _l("How the owner was told"),
    }
    cells = {
        "house": lambda row: Markup('<a href="{0}">{1}</a>').format(
            url_for("units.details_view", id=row.unit_id), row.unit.code
        ),
        "ending": lambda row: words.joined([words.category_name(code) for code in row.categories.split()]),
        "told": lambda row: told_mark(row),
    }
    choices = {"told_how": tuple(words.TOLD_HOW.items())}
    list_options = (
        *(undefer(getattr(ExpiryNotice, name)) for name in ("unit_id", "categories", "told_at")),
        joinedload(ExpiryNotice.unit).load_only(Unit.code),
    )
    filters = (
        ReferenceFilter("project_id", reference=PROJECTS),
        ReferenceFilter("unit_id", reference=UNITS),
        DateRangeFilter("ends_on"),
        ToldFilter("told_at", label=_l("Told to the owner")),
    )
    sortable = ("ends_on",)
    list_template = "warranty/admin/expiries.html"
    actions_declared = {"letters": "warranty.print", "handed_over": "warranty.print"}
    empty_list_hint = _l("What ends within the days of the setting appears here every morning.")

    @bulk_action("letters", _l("Issue the letters"))
    def letters(self, records: Sequence[ExpiryNotice]) -> Markup:
        """Issue the letter 保修到期告知书 for the houses of the chosen notices, each once."""
        units = list(dict.fromkeys(record.unit_id for record in records))
        job = issue_batch("warranty.expiry_notice", units, "zh_Hans_CN")
        link = Markup('<a href="{0}">{1}</a>').format(url_for("jobs.details", job_id=job.id), _("Job"))
        houses = ngettext(
            "The notice of %(num)d house is being made.",
            "The notices of %(num)d houses are being made.",
            len(units),
        )
        return Markup("{0} {1}").format(houses, link)

    @bulk_action("handed_over", _l("The letter was handed over"))
    def handed_over(self, records: Sequence[ExpiryNotice]) -> str:
        """Note that the owners were told by the letter."""
        waiting = [record for record in records if record.told_at is None]
        if not waiting:
            raise WarrantyRuleError(_("The owners of all chosen houses were told already."))
        for record in waiting:
            expiry.note_told(record, ToldHow.LETTER)
        return ngettext(
            "It is noted for %(num)d house that the owner was told.",
            "It is noted for %(num)d houses that the owners were told.",
            len(waiting),
        )

    def tabs(self) -> list[dict[str, Any]]:
        """Return all ends, and those of which somebody has to be told."""
        here = {name: value for name, value in request.args.items() if name.startswith("f_")}
        waiting = {"f_told_at": "0"}
        return [
            {
                "label": _("All"),
                "url": self.address("index_view"),
                "current": not here,
                "key": "",
                "tone": "",
            },
            {
                "label": _("Owners to tell"),
                "url": self.address("index_view", **waiting),
                "current": here == waiting,
                "key": "untold",
                "tone": "wait",
            },
        ]

    def tab_counts(self) -> Mapping[str, Count]:
        """Return how many owners have to be told while the cover lasts."""
        (untold,) = count_each(
            ExpiryNotice, sa.and_(ExpiryNotice.told_at.is_(None), ExpiryNotice.ends_on >= local_today())
        )
        return {"untold": untold}


def told_mark(notice: ExpiryNotice) -> Markup:
    """Return when the owner was told; late where the cover has ended without a word."""
    if notice.told_at is not None:
        return status("ok", words.moment_text(notice.told_at))
    return status("late" if notice.ends_on < local_today() else "wait", _("not yet"))
