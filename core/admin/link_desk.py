"""Where staff make, show, send, print and revoke personal links. The right is that of each link's purpose."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from flask_babel import gettext as _

from core.admin.ajax import strict_id
from core.admin.saving import SaveRefused, commit
from core.admin.searching import clean_text
from core.database.scope import current_scope
from core.extensions import db
from core.languages import LOCALES, speaking
from core.machinery.attachments.services import record_of
from core.machinery.documents import services as documents
from core.machinery.documents.verification_code import qr_svg
from core.machinery.links import services
from core.machinery.links.models import PersonalLink
from core.machinery.links.services import LinkRefused, MadeLink
from core.people.permissions import has_permission, public, require
from core.plugin_system.declarations import LinkPurpose
from core.plugin_system.gate import is_on
from core.plugin_system.runtime import current_runtime

BY_PURPOSE = "the right is that of the link's purpose and of its record; others get 404 or 403"
_LARGEST_ID = 2**63 - 1
MOST_CARDS = 500

link_desk = Blueprint("link_desk", __name__)


@link_desk.post("/make")
@public(BY_PURPOSE)
def make() -> Any:
    """Make a link, and send it or show it once with its QR code."""
    purpose, record = _asked()
    wanted = request.form.get("recipient", "")
    person = None
    if not purpose.poster:
        person = dict(services.recipients_of(purpose, record)).get(wanted)
        if person is None:
            flash(
                _("Choose who gets the link. The people of this record may have changed; look again."),
                "error",
            )
            return redirect(_page_of(purpose.record_kind, record.id), 303)
    sends = request.form.get("what") == "send"
    try:
        made = services.make_link(purpose.code, record, person)
        if sends:
            services.send_link(made, person, record)
        commit()
    except LinkRefused as refusal:
        db.session.rollback()
        flash(str(refusal), "error")
        return redirect(_page_of(purpose.record_kind, _number("record_id")), 303)
    except SaveRefused as refusal:
        flash(refusal.sentence, "error")
        return redirect(_page_of(purpose.record_kind, _number("record_id")), 303)
    if sends or purpose.poster:
        flash(
            _("The link was written into the outbox; it goes out now.")
            if sends
            else _("The poster is ready. Print it below."),
            "success",
        )
        return redirect(_page_of(purpose.record_kind, record.id), 303)
    answer = make_response(
        render_template(
            "links/made.html",
            purpose=purpose,
            link=made.link,
            address=made.address,
            qr=qr_svg(made.address),
            back=_page_of(purpose.record_kind, record.id),
        )
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


@link_desk.post(f"/<int(max={_LARGEST_ID}):link_id>/revoke")
@public(BY_PURPOSE)
def revoke(link_id: int) -> Any:
    """Close a link for good."""
    link = _visible(link_id, locked=True)
    kind, record_id = link.record_kind, link.record_id
    services.revoke(link, clean_text(request.form.get("reason", ""))[:200])
    try:
        commit()
    except SaveRefused as refusal:
        flash(refusal.sentence, "error")
    else:
        flash(_("The link is revoked. Whoever opens it is told that it opens nothing."), "success")
    return redirect(_page_of(kind, record_id), 303)


@link_desk.get(f"/<int(max={_LARGEST_ID}):link_id>/poster.pdf")
@public(BY_PURPOSE)
def poster(link_id: int) -> Response:
    """Answer a poster as PDF: one page with a large QR code, in the language that the address names, if any."""
    link = _visible(link_id)
    language = request.args.get("language") or link.language
    if language not in LOCALES:
        abort(404)
    address = services.poster_address(link)
    if address is None or services.state_of(link) != "open":
        abort(404)
    purpose = current_runtime().declared.link_purpose(link.purpose)
    assert purpose is not None  # noqa: S101 (checked by _visible)
    held = record_of(link.record_kind, link.record_id)
    with speaking(language):
        title = str(purpose.label)
        place = held[0].title(held[1]) if held is not None else ""
    content = documents.print_sheet(
        "links/documents/poster.html",
        {
            "purpose": purpose,
            "address": address,
            "link": link,
            "place": place,
        },
        title=title,
        language=language,
        project_id=link.project_id,
    )
    return _pdf(content, f"{purpose.label}.pdf")


def print_links(made: Sequence[MadeLink]) -> Response:
    """Return a sheet of cards with the QR codes of links that were just made, as PDF; eight on a page.

    Call it in the request that made the links, after the commit: their addresses are not known later.

    Args:
        made: What ``make_link`` returned, at most 500.

    Raises:
        LinkRefused: There are more.
    """
    if len(made) > MOST_CARDS:
        raise LinkRefused(
            _("At most %(count)s links can be printed at once. Choose fewer.", count=MOST_CARDS)
        )
    declared = current_runtime().declared
    cards: list[dict[str, Any]] = []
    for link, address in made:
        purpose = declared.link_purpose(link.purpose)
        held = record_of(link.record_kind, link.record_id)
        cards.append(
            {
                "purpose": purpose,
                "address": address,
                "link": link,
                "record": held[0].title(held[1]) if held is not None else "",
            }
        )
    title = str(cards[0]["purpose"].label) if cards and cards[0]["purpose"] else _("Personal links")
    content = documents.print_sheet(
        "links/documents/cards.html",
        {"cards": cards},
        title=title,
        language=made[0].link.language if made else "zh_Hans_CN",
        project_id=made[0].link.project_id if made else None,
    )
    return _pdf(content, f"{title}.pdf")


def _pdf(content: bytes, name: str) -> Response:
    response = send_file(io.BytesIO(content), mimetype="application/pdf", download_name=name)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _number(name: str) -> int:
    return strict_id(request.form.get(name, "")) or 0


def _asked() -> tuple[LinkPurpose, Any]:
    """Return the purpose and the record of a form, or answer 404 or 403."""
    declared = current_runtime().declared
    purpose = declared.link_purpose(clean_text(request.form.get("purpose", ""))[:80])
    if purpose is None or not is_on(declared.component_of(purpose)):
        abort(404)
    held = record_of(purpose.record_kind, _number("record_id"))
    if held is None:
        abort(404)
    require(purpose.permission)
    return purpose, held[1]


def _visible(link_id: int, *, locked: bool = False) -> PersonalLink:
    """Return a link whose record the acting user sees, or answer 404 or 403."""
    if current_scope() is None:
        abort(404)
    query = sa.select(PersonalLink).where(PersonalLink.id == link_id)
    link = db.session.scalar(query.with_for_update(of=PersonalLink) if locked else query)
    declared = current_runtime().declared
    purpose = declared.link_purpose(link.purpose) if link is not None else None
    if link is None or purpose is None or not is_on(declared.component_of(purpose)):
        abort(404)
    if record_of(link.record_kind, link.record_id) is None:
        abort(404)
    if not has_permission(purpose.permission):
        abort(403)
    return link


def _page_of(kind_code: str, record_id: int) -> str:
    kind = current_runtime().declared.record_kind(kind_code)
    assert kind is not None  # noqa: S101 (the purpose names a declared kind)
    return url_for(kind.endpoint, id=record_id, _anchor="section-core-links")
