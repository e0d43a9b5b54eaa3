"""Serving, taking in and removing the files on records. Each step asks for the rights to the record itself."""

from __future__ import annotations

import io
import json
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    jsonify,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from flask_babel import gettext as _

from core.admin.ajax import strict_id
from core.admin.record_page import heading_of
from core.admin.redirects import redirect_target
from core.admin.saving import SaveRefused, commit
from core.admin.searching import clean_text
from core.extensions import db
from core.machinery.attachments import services as attachments
from core.machinery.attachments.intake import PICTURE
from core.machinery.attachments.markup import COLOURS, EDGES, MAX_CHARACTERS
from core.people.permissions import public, require
from core.people.settings import setting

BY_RECORD = "the right is that of the record on which the file hangs; others get 404"
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
KEPT_SECONDS = 600
_LARGEST_ID = 2**63 - 1

files = Blueprint("files", __name__)


@files.get(f"/<int(max={_LARGEST_ID}):attachment_id>")
@public(BY_RECORD)
def show(attachment_id: int) -> Response:
    """Answer the file: a picture to look at, anything else to download."""
    return _answer(attachment_id, thumbnail=False)


@files.get(f"/<int(max={_LARGEST_ID}):attachment_id>/thumbnail")
@public(BY_RECORD)
def thumbnail(attachment_id: int) -> Response:
    """Answer the small picture."""
    return _answer(attachment_id, thumbnail=True)


def _answer(attachment_id: int, thumbnail: bool) -> Response:
    found = attachments.find(attachment_id)
    if found is None:
        abort(404)
    # Small pictures show what was drawn; the photo itself stays as it was taken, with the drawing beside it.
    response = answer_file(found.attachment, thumbnail=thumbnail, drawn=thumbnail)
    response.headers["Cache-Control"] = f"private, max-age={KEPT_SECONDS}"
    return response


def answer_file(attachment: Any, *, thumbnail: bool, drawn: bool) -> Response:
    """Return an attachment that may be seen as an answer: a picture to look at, anything else to download.

    Args:
        attachment: The attachment.
        thumbnail: Whether the small picture is wanted; 404 where there is none.
        drawn: Whether what was drawn over a photo is shown.
    """
    key = attachment.thumbnail_sha256 if thumbnail else attachment.sha256
    show = attachments.shown_bytes if drawn else attachments.open_bytes
    try:
        content = show(attachment, thumbnail)
    except attachments.MissingFileError:
        abort(404)
    response = send_file(
        io.BytesIO(content),
        mimetype=PICTURE if thumbnail else attachment.media_type,
        as_attachment=attachment.media_type != PICTURE,
        download_name=attachment.file_name,
        etag=f"{key}-{attachment.markup_version}" if key and drawn else key or False,
    )
    response.headers["Content-Security-Policy"] = SANDBOX
    return response


@files.post("/upload")
@public(BY_RECORD)
def upload() -> Any:
    """Take in files for a record; answers JSON to the script of the panel and a page to a plain form."""
    kind, record = _record_of_form()
    require(kind.edit_permission)
    chosen = [item for item in request.files.getlist("file") if item.filename]
    complaints = []
    if not chosen:
        complaints.append(_("Choose a file first."))
    if len(chosen) > attachments.MAX_FILES:
        complaints.append(
            _("At most %(count)s files can be added at once. Choose fewer.", count=attachments.MAX_FILES)
        )
        chosen = []
    added = []
    for item in chosen:
        try:
            added.append(
                attachments.attach(
                    record,
                    item.stream,
                    clean_text(item.filename),
                    slot=clean_text(request.form.get("slot", ""))[:40],
                    caption=clean_text(request.form.get("caption", "")),
                    watermark=bool(setting("core", "photo_watermark")),
                )
            )
        except attachments.UploadRefused as refusal:
            complaints.append(str(refusal))
    try:
        commit()
    except SaveRefused as refusal:
        added = []
        complaints.append(refusal.sentence)
    if _wants_json():
        answer = jsonify(files=[_as_json(item) for item in added], errors=complaints)
        answer.status_code = 200 if added else 422
        return answer
    for complaint in complaints:
        flash(complaint, "error")
    return redirect(_page_of(kind, record))


@files.post(f"/<int(max={_LARGEST_ID}):attachment_id>/remove")
@public(BY_RECORD)
def remove(attachment_id: int) -> Any:
    """Remove a file from its record."""
    found = attachments.find(attachment_id)
    if found is None:
        abort(404)
    require(found.kind.edit_permission)
    attachments.remove(found.attachment)
    complaint = ""
    try:
        commit()
    except SaveRefused as refusal:
        complaint = refusal.sentence
    if _wants_json():
        answer = jsonify(errors=[complaint] if complaint else [])
        answer.status_code = 422 if complaint else 200
        return answer
    if complaint:
        flash(complaint, "error")
    return redirect(_page_of(found.kind, found.record))


@files.get(f"/<int(max={_LARGEST_ID}):attachment_id>/markup")
@public(BY_RECORD)
def markup(attachment_id: int) -> Any:
    """Show the photo with the tools to draw on it."""
    found = _photo(attachment_id)
    layer = attachments.markup_of(found.attachment)
    return _markup_page(found, json.dumps(layer.shapes if layer is not None else [], ensure_ascii=False))


def _photo(attachment_id: int) -> Any:
    found = attachments.find(attachment_id)
    if found is None:
        abort(404)
    require(found.kind.edit_permission)
    if found.attachment.thumbnail_sha256 is None or not found.attachment.width:
        abort(404)
    return found


def _markup_page(found: Any, shapes: str, status: int = 200) -> Any:
    html = render_template(
        "site/markup.html",
        attachment=found.attachment,
        heading=heading_of(found.record, found.kind),
        shapes=shapes,
        colours={name: [COLOURS[name], EDGES[name]] for name in COLOURS},
        back_url=redirect_target() or _page_of(found.kind, found.record),
    )
    return html if status == 200 else (html, status)


@files.post(f"/<int(max={_LARGEST_ID}):attachment_id>/markup")
@public(BY_RECORD)
def save_markup(attachment_id: int) -> Any:
    """Save the drawing; it is kept on the page when it is refused."""
    found = _photo(attachment_id)
    shapes = request.form.get("shapes", "")[: MAX_CHARACTERS + 1]
    back = redirect_target() or _page_of(found.kind, found.record)
    try:
        attachments.mark_up(found.attachment, shapes, request.form.get("version", type=int))
        commit()
    except attachments.UploadRefused as refusal:
        db.session.rollback()
        flash(str(refusal), "error")
    except SaveRefused as refusal:
        flash(refusal.sentence, "error")
    else:
        flash(_("The drawing was saved beside the photo."), "success")
        return redirect(back, 303)
    return _markup_page(_photo(attachment_id), shapes if _reads(shapes) else "[]", 422)


def _reads(shapes: str) -> bool:
    try:
        return isinstance(json.loads(shapes), list)
    except (ValueError, RecursionError):
        return False


def _record_of_form() -> tuple[Any, Any]:
    record_id = strict_id(request.form.get("record_id", ""))
    held = None
    if record_id is not None:
        held = attachments.record_of(clean_text(request.form.get("record_kind", "")), record_id)
    return held if held is not None else abort(404)


def _page_of(kind: Any, record: Any) -> str:
    return url_for(kind.endpoint, id=record.id, _anchor="section-core-attachments")


def _wants_json() -> bool:
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def _as_json(attachment: Any) -> dict[str, Any]:
    return {
        "id": attachment.id,
        "name": attachment.file_name,
        "slot": attachment.slot,
        "caption": attachment.caption,
        "size": attachment.size,
        "picture": attachment.thumbnail_sha256 is not None,
        "url": url_for("files.show", attachment_id=attachment.id),
        "markup": url_for("files.markup", attachment_id=attachment.id)
        if attachment.thumbnail_sha256
        else None,
        "thumbnail": url_for("files.thumbnail", attachment_id=attachment.id)
        if attachment.thumbnail_sha256
        else None,
        "remove": url_for("files.remove", attachment_id=attachment.id),
    }
