"""Signing on glass, the pictures of signatures, and supplements. Each step asks for the rights to the record itself."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from flask import Blueprint, Response, abort, flash, redirect, render_template, request, send_file, url_for
from flask_babel import gettext as _
from flask_login import current_user

from core.admin.masking import sees_personal_data
from core.admin.record_page import heading_of
from core.admin.saving import SaveRefused, commit
from core.admin.searching import clean_text
from core.database.scope import current_scope
from core.extensions import db
from core.languages import listed
from core.machinery.attachments.services import record_of
from core.machinery.signatures import services
from core.machinery.signatures.models import Signature, Supplement
from core.machinery.signatures.printing import value_words, words_of
from core.machinery.signatures.strokes import MAX_TEXT
from core.people.permissions import public, require
from core.plugin_system.declarations import RecordKind, Signable

BY_RECORD = "the right is that of the record that is signed; others get 404 or 403"
KEPT_SECONDS = 600
_LONGEST_SHOWN = 60
MOST_CHANGES = 8
_LARGEST_ID = 2**63 - 1
_RECORD = f"<kind_code>/<int(max={_LARGEST_ID}):record_id>"

signatures = Blueprint("signatures", __name__)


@dataclass(frozen=True)
class _Asked:
    kind: RecordKind
    record: Any
    signable: Signable
    supplement: Supplement | None

    def back(self) -> str:
        """Return where to go afterwards."""
        if self.signable.back is not None:
            return self.signable.back(self.record)
        return url_for(self.kind.endpoint, id=self.record.id, _anchor="section-core-signatures")


def _asked(kind_code: str, record_id: int) -> _Asked:
    held = record_of(kind_code, record_id)
    signable = services.signable_of(held[1]) if held is not None else None
    if held is None or signable is None:
        abort(404)
    return _Asked(*held, signable, None)


def _with_supplement(asked: _Asked) -> _Asked:
    text = request.values.get("supplement", "")
    if not text:
        return asked
    found = None
    if text.isascii() and text.isdigit() and len(text) <= 6:
        kept = services.supplements_of(asked.record)
        found = next((each for each in kept if each.number == int(text)), None)
    return _Asked(asked.kind, asked.record, asked.signable, found) if found is not None else abort(404)


@signatures.get(f"/sign/{_RECORD}/<role>")
@public(BY_RECORD)
def pad(kind_code: str, record_id: int, role: str) -> Any:
    """Show what is signed, and the pad."""
    asked = _with_supplement(_asked(kind_code, record_id))
    require(asked.signable.sign_permission)
    if role not in asked.signable.roles:
        abort(404)
    obstacle = asked.signable.may_sign(asked.record) if asked.signable.may_sign is not None else None
    if obstacle is not None:
        flash(str(obstacle), "error")
        return redirect(asked.back())
    return _pad_page(asked, role, {"name": _proposed(asked, role)[0], "key": uuid4().hex})


def _proposed(asked: _Asked, role: str) -> tuple[str, int | None]:
    if role in asked.signable.staff_roles:
        return str(current_user.name), None
    return asked.signable.signer(asked.record, role) if asked.signable.signer is not None else ("", None)


def _pad_page(asked: _Asked, role: str, typed: Mapping[str, str], status: int = 200) -> Any:
    made = [
        each
        for each in services.signatures_of(asked.record)
        if each.supplement_id == (asked.supplement.id if asked.supplement else None)
    ]
    differences = None
    if asked.supplement is not None:
        for each, found in services.supplement_changes(asked.record):
            if each.id == asked.supplement.id:
                differences = found or []
    html = render_template(
        "site/sign.html",
        heading=heading_of(asked.record, asked.kind),
        kind=asked.kind,
        record=asked.record,
        role=role,
        roles=asked.signable.roles,
        signed_roles={each.role for each in made},
        is_staff=role in asked.signable.staff_roles,
        summary=asked.signable.summary(asked.record) if asked.signable.summary is not None else (),
        supplement=asked.supplement,
        differences=differences,
        words_of=lambda path: words_of(asked.signable, path),
        value_of=lambda path, value: value_words(asked.signable, path, value),
        fingerprint=services.content_hash(services.content_of(asked.record)),
        typed=typed,
        back_url=asked.back(),
    )
    return html if status == 200 else (html, status)


@signatures.post(f"/sign/{_RECORD}/<role>")
@public(BY_RECORD)
def sign(kind_code: str, record_id: int, role: str) -> Any:
    """Take the signature; what was typed and drawn is kept when it is refused."""
    asked = _with_supplement(_asked(kind_code, record_id))
    require(asked.signable.sign_permission)
    if role not in asked.signable.roles:
        abort(404)
    form = request.form
    typed = {
        name: clean_text(form.get(name, ""))[:longest]
        for name, longest in (("name", 200), ("place", 160), ("position", 60), ("key", 60), ("typed", 1))
    }
    typed["picture"] = form.get("picture", "")[: MAX_TEXT + 1]
    proposed, customer_id = _proposed(asked, role)
    name = proposed if role in asked.signable.staff_roles else typed["name"]
    try:
        if not typed["picture"] and not typed["typed"]:
            raise services.SignatureRefused(
                _(
                    "There is no signature on the pad yet. Sign there, "
                    "or tick that you sign by typing your name."
                )
            )
        services.sign(
            asked.record,
            role=role,
            name=name,
            picture="" if typed["typed"] else typed["picture"],
            place=typed["place"],
            position=typed["position"],
            device=clean_text(request.user_agent.string or ""),
            customer_id=customer_id,
            under=asked.supplement,
            client_key=typed["key"],
        )
        commit()
    except (services.SignatureRefused, SaveRefused) as refusal:
        db.session.rollback()
        flash(str(refusal), "error")
        return _pad_page(_with_supplement(_asked(kind_code, record_id)), role, typed, 422)
    flash(_("%(name)s has signed.", name=name.strip()), "success")
    return redirect(_with_supplement(_asked(kind_code, record_id)).back(), 303)


@signatures.get(f"/<int(max={_LARGEST_ID}):signature_id>.png")
@public(BY_RECORD)
def picture(signature_id: int) -> Response:
    """Answer the picture of a signature to who may read personal data."""
    found = (
        db.session.scalar(sa.select(Signature).where(Signature.id == signature_id))
        if current_scope() is not None
        else None
    )
    if found is None or record_of(found.record_kind, found.record_id) is None:
        abort(404)
    if not sees_personal_data():
        abort(403)
    content = services.picture_of(found)
    if content is None:
        abort(404)
    response = send_file(io.BytesIO(content), mimetype="image/png", download_name=f"{found.id}.png")
    response.headers["Cache-Control"] = f"private, max-age={KEPT_SECONDS}"
    return response


@signatures.get(f"/supplement/{_RECORD}")
@public(BY_RECORD)
def supplement(kind_code: str, record_id: int) -> Any:
    """Show the form of a supplement: which entries of the signed record are different, and why."""
    asked = _asked(kind_code, record_id)
    _may_supplement(asked)
    return _supplement_page(asked, [("", "")], "")


def _may_supplement(asked: _Asked) -> None:
    if asked.signable.supplement_permission is None:
        abort(404)
    require(asked.signable.supplement_permission)


def _supplement_page(asked: _Asked, rows: list[tuple[str, str]], reason: str, status: int = 200) -> Any:
    try:
        content = services.signed_content(asked.record)
    except services.SignatureRefused as refusal:
        flash(str(refusal), "error")
        return redirect(url_for(asked.kind.endpoint, id=asked.record.id))
    groups: dict[str, list[tuple[str, str]]] = {}
    for path, value in _entries(content):
        group = words_of(asked.signable, path[:1]) if len(path) > 1 else ""
        words = f"{words_of(asked.signable, path)}: {_shown(asked.signable, path, value)}"
        groups.setdefault(group, []).append((json.dumps(path, ensure_ascii=False), words))
    while len(rows) < min(3, MOST_CHANGES):
        rows.append(("", ""))
    html = render_template(
        "site/supplement.html",
        heading=heading_of(asked.record, asked.kind),
        kind=asked.kind,
        record=asked.record,
        groups=groups,
        rows=rows,
        reason=reason,
        back_url=url_for(asked.kind.endpoint, id=asked.record.id, _anchor="section-core-signatures"),
    )
    return html if status == 200 else (html, status)


def _entries(content: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the single entries of a content with their path."""
    if isinstance(content, Mapping):
        for key, item in content.items():
            yield from _entries(item, (*path, key))
    elif isinstance(content, list):
        for index, item in enumerate(content):
            yield from _entries(item, (*path, str(index + 1)))
    else:
        yield path, content


def _shown(signable: Signable, path: tuple[str, ...], value: Any) -> str:
    """Return a value in words, and what stands in the record where that is a code whose words cannot be typed."""
    words, text = value_words(signable, path, value), str(value)
    if len(words) > _LONGEST_SHOWN:
        words = f"{words[: _LONGEST_SHOWN - 1]}…"
    if _choices(signable, path):
        return words
    is_code = isinstance(value, str | int) and not isinstance(value, bool) and 0 < len(text) <= _LONGEST_SHOWN
    return f"{words} ({text})" if is_code and words != text else words


def _choices(signable: Signable, path: tuple[str, ...]) -> dict[Any, str]:
    """Return the codes that may stand at a place, with their words in the reader's language."""
    if signable.choices is None:
        return {}
    return {code: str(words) for code, words in signable.choices(path).items()}


@signatures.post(f"/supplement/{_RECORD}")
@public(BY_RECORD)
def add_supplement(kind_code: str, record_id: int) -> Any:
    """Add the supplement; what was typed is kept when it is refused."""
    asked = _asked(kind_code, record_id)
    _may_supplement(asked)
    places, values = request.form.getlist("place"), request.form.getlist("value")
    rows = [
        (place[:2000], clean_text(value)[:2000])
        for place, value in list(zip(places, values, strict=False))[:MOST_CHANGES]
    ]
    reason = clean_text(request.form.get("reason", ""))[:2000]
    try:
        content = services.signed_content(asked.record)
        known = dict(_entries(content))
        for place, value in rows:
            if place:
                _set(content, _path_of(place, known), value, known, asked.signable)
        made = services.supplement(asked.record, content=content, reason=reason)
        number = made.number
        commit()
    except (services.SignatureRefused, SaveRefused) as refusal:
        db.session.rollback()
        flash(str(refusal), "error")
        return _supplement_page(_asked(kind_code, record_id), rows, reason, 422)
    flash(_("Supplement %(number)s was added. Have it signed now.", number=number), "success")
    asked = _asked(kind_code, record_id)
    return redirect(url_for(asked.kind.endpoint, id=asked.record.id, _anchor="section-core-signatures"), 303)


def _path_of(text: str, known: Mapping[tuple[str, ...], Any]) -> tuple[str, ...]:
    try:
        path = tuple(json.loads(text))
    except (ValueError, TypeError, RecursionError):
        path = ()
    if not all(isinstance(part, str) for part in path) or path not in known:
        raise services.SignatureRefused(
            _("This entry is not in the signed record. Reload the page and choose again.")
        )
    return path


def _set(
    content: Any,
    path: tuple[str, ...],
    text: str,
    known: Mapping[tuple[str, ...], Any],
    signable: Signable,
) -> None:
    """Put a typed value where it belongs, as the kind of value that stands there."""
    choices = _choices(signable, path)
    before = known[path]
    value: Any = text
    if choices and text:
        typed = text.casefold()
        fitting = [
            code for code, words in choices.items() if typed in (words.casefold(), str(code).casefold())
        ]
        if not fitting:
            raise services.SignatureRefused(
                _(
                    "“%(value)s” cannot stand in “%(entry)s”. Write one of these: %(words)s.",
                    value=text[:30],
                    entry=words_of(signable, path),
                    words=listed(choices.values()),
                )
            )
        value = str(fitting[0]) if isinstance(fitting[0], str) else fitting[0]
    elif isinstance(before, bool):
        if text.casefold() not in {"", _("Yes").casefold(), _("No").casefold()}:
            raise services.SignatureRefused(
                _("This entry is either “%(yes)s” or “%(no)s”.", yes=_("Yes"), no=_("No"))
            )
        value = text.casefold() == _("Yes").casefold()
    elif isinstance(before, int):
        if not text.lstrip("-").isdecimal() or len(text) > 15:
            raise services.SignatureRefused(
                _("“%(value)s” is no whole number, and a whole number stands in this entry.", value=text[:30])
            )
        value = int(text)
    for part in path[:-1]:
        content = content[int(part) - 1] if isinstance(content, list) else content[part]
    if isinstance(content, list):
        content[int(path[-1]) - 1] = value
    else:
        content[path[-1]] = value
