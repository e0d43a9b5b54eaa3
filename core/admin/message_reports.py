"""Where an SMS gateway reports what became of a message. The report is signed; nobody signs in."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, jsonify, request

from core.extensions import csrf, limiter
from core.machinery.messages import channels, sending
from core.people.permissions import public
from core.people.sign_in_guards import throttling_address

REASON = "a gateway reports; each report is signed with the shared secret and five minutes old at the most"
LIMIT = "600 per minute"
LARGEST_REPORT = 16 * 1024

message_reports = Blueprint("message_reports", __name__)


@message_reports.post("/reports/sms")
@csrf.exempt
@public(REASON)
@limiter.limit(LIMIT, key_func=throttling_address)
def sms() -> Any:
    """Take a signed report. The same one twice is answered alike; an unknown message is not told from a known one."""
    request.max_content_length = LARGEST_REPORT
    body = request.get_data(cache=True)
    if not channels.is_signed(
        str(current_app.config["SMS_GATEWAY_SECRET"]), request.headers.get(channels.SIGNATURE, ""), body
    ):
        return jsonify(error="The signature is missing, wrong or too old."), 403
    report = channels.read_report(request.get_json(silent=True))
    if report is None:
        return jsonify(error="This is no report on a message."), 400
    sending.note_delivery(**report)
    return jsonify(taken=True)
