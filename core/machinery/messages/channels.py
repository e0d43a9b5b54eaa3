"""The channels of the core: files (the default), a mail server, an SMS gateway over HTTP, and letters on paper."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import os
import smtplib
import time
from email.message import EmailMessage
from email.utils import formataddr, formatdate
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import urllib3
from flask import current_app, url_for
from flask_babel import lazy_gettext as _l

from core.database.types import utc_now
from core.extensions import db
from core.languages import Text
from core.machinery.messages import services
from core.machinery.messages.models import Message
from core.machinery.messages.outgoing import NotSent, OutgoingMessage, Receipt
from core.plugin_system.declarations import MessageChannel

SECONDS = 20
"""How long a channel waits for its other side; less than the lease of a message."""
SIGNATURE = "X-Doorstep-Signature"
SIGNATURE_AGE = 300
"""Seconds for which a signed report of a gateway is taken."""
LETTER = "core.letter"
"""Code of the document type of letters."""


# --- Files


def outbox_folder() -> Path:
    """Return where messages lie that no gateway carries."""
    return Path(current_app.instance_path) / "outbox"


def _file_of(idempotency_key: str) -> Path:
    return outbox_folder() / f"{idempotency_key}.txt"


def write_file(outgoing: OutgoingMessage) -> Receipt:
    """Write a message into a file of the instance folder, for installations without a gateway and for trying out."""
    path = _file_of(outgoing.idempotency_key)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = "\n".join(
        (
            f"{outgoing.kind}: {outgoing.name} <{outgoing.address}>",
            *filter(None, (outgoing.subject,)),
            "",
            outgoing.body,
            "",
        )
    )
    draft = path.with_suffix(".part")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return Receipt(note=_l("Written into a file of the server, because no gateway is configured."))


def _look_for_file(idempotency_key: str) -> Receipt | None:
    return Receipt() if _file_of(idempotency_key).exists() else None


# --- E-mail


def send_mail(outgoing: OutgoingMessage) -> Receipt:
    """Send an e-mail by the configured server.

    What fails before the text is handed over was certainly not sent; what fails afterwards is unknown.
    """
    config = current_app.config
    mail = EmailMessage()
    mail["Subject"] = outgoing.subject
    mail["From"] = config["MAIL_DEFAULT_SENDER"]
    mail["To"] = formataddr((outgoing.name, outgoing.address))
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = f"<{outgoing.idempotency_key}@{_mail_host()}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Content-Language"] = "en" if outgoing.language == "en" else "zh-CN"
    mail.set_content(outgoing.body)
    try:
        server = smtplib.SMTP(config["MAIL_SERVER"], config["MAIL_PORT"], timeout=SECONDS)
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(_l("The mail server cannot be reached."), again=True) from error
    with server:
        try:
            if config["MAIL_USE_TLS"]:
                server.starttls()
            if config["MAIL_USERNAME"]:
                server.login(config["MAIL_USERNAME"], config["MAIL_PASSWORD"])
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(_l("The mail server refuses our account."), again=True) from error
        try:
            server.send_message(mail)
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused) as error:
            raise NotSent(_l("The mail server refuses the address.")) from error
        except smtplib.SMTPDataError as error:
            again = 400 <= error.smtp_code < 500
            raise NotSent(_l("The mail server refuses the message."), again=again) from error
    return Receipt(reference=outgoing.idempotency_key)


def _mail_host() -> str:
    return str(current_app.config["MAIL_DEFAULT_SENDER"]).rpartition("@")[2].strip("> ") or "localhost"


# --- SMS


def signature_of(secret: str, moment: int, body: bytes) -> str:
    """Return the signature under a request to or from the gateway: HMAC-SHA256 over time and body.

    Args:
        secret: ``SMS_GATEWAY_SECRET``.
        moment: Seconds since 1970.
        body: The bytes of the request.
    """
    digest = hmac.new(secret.encode(), str(moment).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def is_signed(secret: str, header: str, body: bytes, now: float | None = None) -> bool:
    """Return whether a request bears a fresh signature of the gateway; nothing is without a secret."""
    first = header.partition(",")[0].removeprefix("t=")
    if not secret or not (first.isascii() and first.isdigit() and len(first) <= 12):
        return False
    if abs((time.time() if now is None else now) - int(first)) > SIGNATURE_AGE:
        return False
    return hmac.compare_digest(signature_of(secret, int(first), body), header)


def send_sms(outgoing: OutgoingMessage) -> Receipt:
    """Hand a text message to the gateway; the same key twice is one message there."""
    config = current_app.config
    content = {
        "to": outgoing.address,
        "text": f"{config['SMS_SIGNATURE']}{outgoing.body}",
        "key": outgoing.idempotency_key,
        "callback": _callback_address(),
    }
    body = json.dumps(content, ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": outgoing.idempotency_key,
        SIGNATURE: signature_of(config["SMS_GATEWAY_SECRET"], int(time.time()), body),
    }
    try:
        answer = _pool().request("POST", config["SMS_GATEWAY_URL"], body=body, headers=headers)
    except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
        raise NotSent(_l("The SMS gateway cannot be reached."), again=True) from error
    if answer.status in (429, 503):
        raise NotSent(_l("The SMS gateway is busy."), again=True)
    if 400 <= answer.status < 500:
        code = answer.status
        raise NotSent(_l("The SMS gateway refuses the message (answer %(code)s).", code=code))
    if answer.status not in (200, 201, 202):
        # An error of the server may have come before or after it took the message.
        raise RuntimeError(f"The SMS gateway answered {answer.status}.")
    return _receipt(answer)


def inquire_sms(idempotency_key: str) -> Receipt | None:
    """Ask the gateway for the message with a key; None when it has none."""
    config = current_app.config
    path = f"{config['SMS_GATEWAY_URL'].rstrip('/')}/{idempotency_key}"
    signed = signature_of(config["SMS_GATEWAY_SECRET"], int(time.time()), idempotency_key.encode())
    answer = _pool().request("GET", path, headers={SIGNATURE: signed})
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise RuntimeError(f"The SMS gateway answered {answer.status}.")
    return _receipt(answer)


def _receipt(answer: Any) -> Receipt:
    content = json.loads(answer.data or b"{}")
    if not isinstance(content, dict):
        raise ValueError("The SMS gateway answered something else than an object.")
    reference, status = str(content.get("id", "")), content.get("status")
    if status == "failed":
        reason = str(content.get("reason", ""))[:300]
        return Receipt(reference, failed=reason or _l("The SMS gateway could not deliver the message."))
    return Receipt(reference, delivered_at=utc_now() if status == "delivered" else None)


def _pool() -> urllib3.PoolManager:
    # Nothing is tried again behind our back, and no answer leads to another host.
    return urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=5, read=SECONDS - 5), retries=urllib3.Retry(False), maxsize=1
    )


def _callback_address() -> str:
    base = str(current_app.config["BASE_URL"]).rstrip("/")
    with current_app.test_request_context("/"):
        return base + url_for("message_reports.sms")


def read_report(content: Any) -> dict[str, Any] | None:
    """Return what a report of the gateway says, as arguments of :func:`core.machinery.messages.sending.note_delivery`.

    Args:
        content: ``{"key" or "id", "status": "delivered" or "failed", "reason", "at"}``.

    Returns:
        None when it is no such report.
    """
    if not isinstance(content, dict) or content.get("status") not in ("delivered", "failed"):
        return None
    key, reference = content.get("key") or "", content.get("id") or ""
    if not isinstance(key, str) or not isinstance(reference, str) or not (key or reference):
        return None
    moment: dt.datetime | None = None
    if isinstance(content.get("at"), str):
        try:
            moment = dt.datetime.fromisoformat(content["at"])
        except ValueError:
            return None
        if moment.tzinfo is None:
            return None
    failed: Text = ""
    if content["status"] == "failed":
        failed = str(content.get("reason") or "")[:300] or _l(
            "The SMS gateway could not deliver the message."
        )
    return {
        "idempotency_key": key[:40],
        "reference": reference[:120],
        "delivered_at": moment,
        "failed": failed,
    }


# --- Letters


def print_letter(outgoing: OutgoingMessage) -> Receipt:
    """Issue a message as a letter; it waits on its page to be printed and posted."""
    receipt = _issued_as(services.means().issue_letter(LETTER, outgoing.id, outgoing.language).number)
    db.session.commit()
    return receipt


def _look_for_letter(idempotency_key: str) -> Receipt | None:
    message = db.session.scalar(sa.select(Message).where(Message.idempotency_key == idempotency_key))
    issued = services.means().issued_for(message) if message is not None else ()
    return _issued_as(issued[0].number) if issued else None


def _issued_as(number: str) -> Receipt:
    return Receipt(reference=number, note=_l("Issued as %(number)s. Print it and post it.", number=number))


CHANNELS: tuple[MessageChannel, ...] = (
    MessageChannel(
        "core.sms_gateway",
        _l("SMS gateway"),
        "sms",
        lambda: bool(current_app.config["SMS_GATEWAY_URL"]),
        send_sms,
        inquire_sms,
    ),
    MessageChannel(
        "core.smtp",
        _l("Mail server"),
        "email",
        lambda: bool(current_app.config["MAIL_SERVER"]),
        send_mail,
        disturbs=False,
    ),
    MessageChannel(
        "core.letter",
        _l("Letter on paper"),
        "letter",
        lambda: True,
        print_letter,
        _look_for_letter,
        disturbs=False,
    ),
    MessageChannel("core.sms_file", _l("SMS in a file"), "sms", lambda: True, write_file, _look_for_file),
    MessageChannel(
        "core.email_file",
        _l("E-mail in a file"),
        "email",
        lambda: True,
        write_file,
        _look_for_file,
        disturbs=False,
    ),
)
"""In the order in which they are asked. There is none for WeChat: an adapter for WeCom is a channel of a plugin."""
