"""The foot of a list: how many rows there are, and the way to the neighbours of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, jsonify
from flask_babel import gettext as _
from flask_babel import ngettext

from core.admin.listing import PAGE_SIZES, Certainty, Count, Lister, ListRequest, Page

if TYPE_CHECKING:
    from core.admin.views import RecordView

PART = "part"
"""The argument by which a page of a list asks for what it did not wait for."""
TOTAL = "total"
"""Its value for how many rows the list has."""


def pager_of(view: RecordView, page: Page, asked: ListRequest) -> dict[str, Any]:
    """Return what the foot of a list shows.

    Args:
        view: The list's view.
        page: The page that is shown.
        asked: What was asked.

    Returns:
        ``words``, ``total_url`` where the number of rows is still to be asked for, the addresses ``first``,
        ``previous``, ``next`` and ``last`` (None where there is none), and ``sizes``.
    """
    records = page.records
    first = last = before = after = total = None
    if page.has_previous:
        first = view.list_address(asked)
        if records:
            before = view.list_address(asked, page=page.number - 1, before=records[0].id)
    if page.has_next:
        last = view.list_address(asked, page=-1)
        if records:
            after = view.list_address(asked, page=page.number + 1, after=records[-1].id)
    if page.count is None:
        total = view.list_address(asked, page=page.number or None, **{PART: TOTAL})
    return {
        "words": _words(page.count, page.number, asked.size),
        "total_url": total,
        "first": first,
        "previous": before,
        "next": after,
        "last": last,
        "sizes": [(size, view.list_address(asked, size=size), size == asked.size) for size in PAGE_SIZES],
    }


def told_total(view: RecordView, asked: ListRequest) -> Response:
    """Answer how many rows a list has, in the words of its foot."""
    answer = jsonify(words=_words(Lister(view, asked).count(), asked.page, asked.size))
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _words(count: Count | None, number: int, size: int) -> str:
    if count is None:
        seen = (number if number > 0 else 0) * size + size
        return " · ".join((_("more than %(count)s rows", count=f"{seen:,}"), _place(number, None)))
    pages = -(-count.number // size) if count.certainty is Certainty.EXACT else None
    is_one = pages is not None and count.number == 1
    rows = ngettext("%(num)s row", "%(num)s rows", 1) if is_one else _("%(count)s rows", count=str(count))
    return " · ".join((rows, _place(number, pages)))


def _place(number: int, pages: int | None) -> str:
    if number >= 0 and pages:
        return _("page %(number)s of %(pages)s", number=number + 1, pages=pages)
    if number >= 0:
        return _("page %(number)s", number=number + 1)
    return _("last page") if number == -1 else _("page %(number)s from the end", number=-number)
