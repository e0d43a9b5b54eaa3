"""The public check of a printed document: whoever holds the paper sees whether it is genuine. No personal data."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _

from core.admin.searching import clean_text
from core.extensions import limiter
from core.machinery.documents import services
from core.machinery.documents.codes import grouped, normalise_code
from core.people.permissions import public

REASON = "whoever holds a printed document may check it; the code has 104 random bits"
LIMIT = "30 per minute; 300 per hour"
_CHUNK = 1 << 16

verification = Blueprint("verification", __name__)


@verification.get("/")
@public(REASON)
@limiter.limit(LIMIT)
def enter() -> Any:
    """Ask for the code, or go to the page of the code that was typed."""
    typed = clean_text(request.args.get("code", ""))[:80]
    if not typed:
        return _page(None, "")
    code = normalise_code(typed)
    if code is None:
        return _page(None, typed, unknown=True)
    return redirect(url_for("verification.verify", code=code))


@verification.route("/<code>", methods=["GET", "POST"])
@public(REASON)
@limiter.limit(LIMIT)
def verify(code: str) -> Any:
    """Say what belongs to a code; a PDF that is sent along is compared with the one that was issued."""
    verdict = services.check(code)
    if verdict is None:
        return _page(None, clean_text(code)[:80], unknown=True)
    same: bool | None = None
    complaint = ""
    if request.method == "POST":
        sent = request.files.get("file")
        if sent is None or not sent.filename:
            complaint = _("Choose the PDF file first.")
        else:
            digest = hashlib.sha256()
            while part := sent.stream.read(_CHUNK):
                digest.update(part)
            same = digest.hexdigest() == verdict.sha256
    return _page(verdict, grouped(normalise_code(code) or ""), same=same, complaint=complaint)


def _page(
    verdict: services.Verdict | None,
    typed: str,
    *,
    unknown: bool = False,
    same: bool | None = None,
    complaint: str = "",
) -> Any:
    response = make_response(
        render_template(
            "site/verification.html",
            verdict=verdict,
            typed=typed,
            unknown=unknown,
            same=same,
            complaint=complaint,
        ),
        404 if unknown else 200,
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response
