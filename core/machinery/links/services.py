"""Making personal links, recognising who comes by one, and closing them.

A token has 192 random bits and is stored as its hash. An unknown, an expired, a used and a revoked link are the same to
whoever opens it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import sqlalchemy as sa
from flask import Flask, current_app
from flask_babel import gettext as _
from itsdangerous import BadData, URLSafeTimedSerializer

from core.database import encryption
from core.database.owners import owner_of
from core.database.retrying import with_retries
from core.database.scope import Scope, all_departments, require_scope, use_scope
from core.database.types import utc_now
from core.extensions import db
from core.machinery.links.models import PersonalLink
from core.plugin_system.declarations import LinkPurpose
from core.plugin_system.gate import is_on
from core.plugin_system.runtime import current_runtime

__all__ = [
    "LinkClosed",
    "LinkRefused",
    "LinkVisit",
    "MadeLink",
    "Means",
    "PlannedLink",
    "links_of",
    "make_link",
    "plan_link",
    "poster_address",
    "purposes_for",
    "revoke",
    "revoke_links",
    "send_link",
    "set_up_links",
]

TRIES = 5
"""Wrong second facts after which a link is closed."""
VISIT_SECONDS = 2 * 60 * 60
"""How long a visit lasts before the link has to be opened again."""
COOKIE = "doorstep_link_"
_EXTENSION = "doorstep.links"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
_REASON = "whoever opens a personal link is nobody yet"


class LinkRefused(ValueError):
    """A link cannot be made or changed; the message is a full sentence for the user."""


class LinkClosed(Exception):
    """A link was used up, revoked or closed while it was open."""


class MadeLink(NamedTuple):
    """A link that was just made.

    Attributes:
        link: Its row.
        address: What its holder opens; told this once, and never again but for posters.
    """

    link: PersonalLink
    address: str


@dataclass(frozen=True, repr=False)
class PlannedLink:
    """An address that no link has yet; see :func:`plan_link`.

    Attributes:
        token: What becomes the token of the link.
        address: What its holder will open.
    """

    token: str
    address: str


@dataclass(frozen=True)
class Means:
    """What links take from other parts of the core.

    Attributes:
        phone_of: Returns the number of a customer of which the visitor knows the last digits.
        agree: Records the consent of a customer to a purpose and a version of the notice.
        household: Returns customer and unit for a project id, a typed house and a typed number, or None.
        projects_of: Returns the projects that a customer is linked to.
        departments_of: Returns whose settings and rows a visit sees: of a department and of a project.
        places: Returns ``company``, ``project`` and ``unit`` as a page names them.
        setting: Returns the core's setting with a key in a department.
        send_message: Writes a message with the address as a secret.
        record_event: Writes an event into the audit log.
    """

    phone_of: Callable[[Any], str | None]
    agree: Callable[[Any, str, str], None]
    household: Callable[[int, str, str], tuple[Any, Any] | None]
    projects_of: Callable[[int], frozenset[int]]
    departments_of: Callable[[int | None, int | None], tuple[int | None, frozenset[int]]]
    places: Callable[[int | None, Any, int | None, str], Mapping[str, str]]
    setting: Callable[[str, int | None], Any]
    send_message: Callable[..., Any]
    record_event: Callable[..., None]


def set_up_links(app: Flask, means: Means) -> None:
    """Hand over what links need."""
    app.extensions[_EXTENSION] = means


def means() -> Means:
    """Return what was handed over."""
    found: Means = current_app.extensions[_EXTENSION]
    return found


# --- Making


def make_link(
    purpose: str,
    record: Any,
    customer: Any = None,
    *,
    days: int | None = None,
    uses: int | None = None,
    planned: PlannedLink | None = None,
) -> MadeLink:
    """Make a personal link to the page of a purpose about a record, in the caller's transaction.

    Args:
        purpose: Code of the purpose.
        record: The loaded record, of the purpose's kind.
        customer: Who gets it: a customer, or a ``Recipient`` who is none; None for a poster.
        days: How long it is good; as the purpose says when omitted.
        uses: How often the page can be completed; as the purpose says when omitted, 0 for any number.
        planned: What :func:`plan_link` returned, for this one link; a new token when omitted.

    Returns:
        The link and its address. The address is not kept: send or print it now.

    Raises:
        LinkRefused: The purpose is not for this record or is switched off, the right is missing, or nothing is known
            by which the visitor could be recognised.
    """
    declared = _purpose_for(purpose, record)
    scope = require_scope()
    if scope.user_id is not None and declared.permission not in scope.permissions:
        raise LinkRefused(_("Making this link needs a right that your role does not have here."))
    is_customer = customer is not None and hasattr(type(customer), "__mapper__")
    token = (planned or plan_link()).token
    fact = None
    if declared.second_fact == "phone_tail":
        phone = means().phone_of(customer) if is_customer else getattr(customer, "phone", None)
        tail = phone_tail(phone or "")
        if tail is None:
            raise LinkRefused(
                _(
                    "There is no telephone number by which the visitor could be recognised. Add one to the record "
                    "and make the link again."
                )
            )
        fact = _fact_hash(token, tail)
    owner = owner_of(record)
    department_id, _visible = means().departments_of(scope.department_id, owner.project_id)
    link = PersonalLink(
        purpose=declared.code,
        record_kind=declared.record_kind,
        record_id=record.id,
        token_hash=_hash(token),
        token=token if declared.poster else None,
        fact_hash=fact,
        recipient_name=str(getattr(customer, "name", ""))[:120],
        language=getattr(customer, "language", "") or "zh_Hans_CN",
        expires_at=utc_now() + dt.timedelta(days=declared.days if days is None else days),
        uses_allowed=declared.uses if uses is None else uses,
        user_id=scope.user_id,
        project_id=owner.project_id,
        customer_id=customer.id if is_customer else None,
        department_id=department_id,
    )
    db.session.add(link)
    db.session.flush()
    means().record_event("link_made", record, purpose=declared.code, link=link.id)
    return MadeLink(link, address_of(token))


def plan_link() -> PlannedLink:
    """Return an address for a link that is made later, so that a paper that shows it can be laid out before.

    Nothing is kept: until :func:`make_link` gets it, the address opens nothing. Use it for one link.
    """
    token = secrets.token_urlsafe(24)
    return PlannedLink(token, address_of(token))


def _purpose_for(code: str, record: Any) -> LinkPurpose:
    declared = current_runtime().declared
    purpose = declared.link_purpose(code)
    kind = declared.record_kind_of(record)
    if purpose is None or kind is None or purpose.record_kind != kind.code:
        raise LinkRefused(_("There is no link of this kind for this record."))
    if not is_on(declared.component_of(purpose)):
        raise LinkRefused(_("The module of this link is switched off here."))
    return purpose


def address_of(token: str) -> str:
    """Return the address that a link's holder opens."""
    return f"{str(current_app.config['BASE_URL']).rstrip('/')}/l/{token}"


def poster_address(link: PersonalLink) -> str | None:
    """Return the address of a poster, or None for a personal link, whose address nobody can know."""
    return address_of(link.token) if link.token else None


def phone_tail(phone: str) -> str | None:
    """Return the last four digits of a telephone number, or None when it has fewer."""
    digits = re.sub(r"\D", "", phone)
    return digits[-4:] if len(digits) >= 4 else None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _fact_hash(token: str, fact: str) -> str:
    return encryption.blind_index(fact, f"personal_link:{_hash(token)}")


def send_link(made: MadeLink, customer: Any, record: Any, *, unit: Any = None, values: Any = None) -> Any:
    """Write the message that carries a link into the outbox, in the caller's transaction.

    Args:
        made: What :func:`make_link` returned.
        customer: To whom: a customer or a ``Recipient``.
        record: The record of the link.
        unit: The unit that the message speaks of.
        values: Values of further placeholders of the purpose's message.

    Returns:
        The message.

    Raises:
        LinkRefused: The purpose has no message.
    """
    purpose = current_runtime().declared.link_purpose(made.link.purpose)
    if purpose is None or not purpose.message:
        raise LinkRefused(_("There is no message for this kind of link. Print it instead."))
    return means().send_message(
        purpose.message,
        customer,
        made.address,
        values,
        dedupe_key=f"core.link:{made.link.id}",
        record=record,
        unit=unit,
    )


def recipients_of(purpose: LinkPurpose, record: Any) -> list[tuple[str, Any]]:
    """Return who may get a link of a record, each under a key that stays the same while the person does.

    Args:
        purpose: A purpose that is no poster.
        record: The record.
    """
    if purpose.recipients is not None:
        people = list(purpose.recipients(record))
    else:
        customer = _row("core.customer", owner_of(record).customer_id)
        people = [customer] if customer is not None else []
    return [(_key_of(person), person) for person in people]


def _key_of(person: Any) -> str:
    words = (
        f"{type(person).__name__}\0{getattr(person, 'id', '')}\0{person.name}\0{getattr(person, 'phone', '')}"
    )
    return hashlib.sha256(words.encode()).hexdigest()[:16]


# --- Closing


def revoke(link: PersonalLink, reason: str = "") -> bool:
    """Close a link for good; returns whether it was open.

    Args:
        link: The link.
        reason: Why, for the log.
    """
    if link.revoked_at is not None:
        return False
    link.revoked_at = utc_now()
    db.session.flush()
    means().record_event("link_revoked", link, reason, purpose=link.purpose)
    return True


def revoke_links(record: Any, purpose: str | None = None, reason: str = "") -> int:
    """Close all links of a record, for example because what they were for is done.

    Args:
        record: The record.
        purpose: Only those of this purpose.
        reason: Why, for the log.

    Returns:
        How many were closed.
    """
    return sum(
        revoke(link, reason) for link in links_of(record, limit=1000) if purpose in (None, link.purpose)
    )


def links_of(record: Any, limit: int = 50) -> Sequence[PersonalLink]:
    """Return the links of a record, newest first; of a customer also those of other records that he got."""
    kind = current_runtime().declared.record_kind_of(record)
    if kind is None:
        return []
    condition: sa.ColumnElement[bool] = sa.and_(
        PersonalLink.record_kind == kind.code, PersonalLink.record_id == record.id
    )
    if type(record).__tablename__ == "customer":
        condition = sa.or_(condition, PersonalLink.customer_id == record.id)
    return db.session.scalars(
        sa.select(PersonalLink).where(condition).order_by(PersonalLink.id.desc()).limit(limit)
    ).all()


def purposes_for(record: Any) -> list[LinkPurpose]:
    """Return the purposes whose links the acting user may make for a record, of modules that are on."""
    declared = current_runtime().declared
    kind = declared.record_kind_of(record)
    if kind is None:
        return []
    permissions = require_scope().permissions
    return [each for each in declared.link_purposes(kind.code) if each.permission in permissions]


def state_of(link: PersonalLink) -> str:
    """Return ``open``, ``revoked``, ``expired``, ``used`` or ``closed`` (by wrong second facts)."""
    if link.revoked_at is not None:
        return "revoked"
    if link.expires_at <= utc_now():
        return "expired"
    if link.uses_allowed and link.uses >= link.uses_allowed:
        return "used"
    if link.failures >= TRIES and link.token is None:
        return "closed"
    return "open"


# --- Visits


@dataclass(frozen=True)
class LinkVisit:
    """Somebody who came by a link.

    Attributes:
        link: The link.
        purpose: What it is for.
        record: The record, loaded in the visit's own scope.
        customer: The customer of the link, or the one who was recognised at a poster; None for others.
        unit: The house that was recognised at a poster.
        language: The locale of the page unless the visitor chooses another; without a customer of the link, that of
            his browser goes before.
        scope: What the visit sees: the record's project, and of customers this one alone.
        proved: Whether the second fact was given.
        done: Whether the page was completed in this visit.
        pass_: What the cookie of the visit holds.
    """

    link: PersonalLink
    purpose: LinkPurpose
    record: Any
    customer: Any
    unit: Any
    language: str
    scope: Scope
    proved: bool = False
    done: bool = False
    pass_: Mapping[str, Any] | None = None


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="doorstep.personal-link")


def write_pass(link: PersonalLink, **facts: Any) -> str:
    """Return what the cookie of a visit holds: the link and what is proved, signed."""
    return str(_serializer().dumps({"link": link.id, "mark": link.token_hash[:16], **facts}))


def read_pass(text: str, link_id: int) -> Mapping[str, Any] | None:
    """Return what a cookie says of a link, or None when it is forged, of another link, or older than a visit lasts."""
    try:
        found = _serializer().loads(text, max_age=VISIT_SECONDS)
    except BadData:
        return None
    return found if isinstance(found, dict) and found.get("link") == link_id else None


def arrive(token: str) -> PersonalLink | None:
    """Return the open link with a token, or None; nothing is written.

    Args:
        token: As it stood in the address.
    """
    if not _TOKEN.fullmatch(token):
        return None
    with all_departments(_REASON):
        link = db.session.scalar(sa.select(PersonalLink).where(PersonalLink.token_hash == _hash(token)))
    if link is None or state_of(link) != "open":
        return None
    return link if _visit(link, {}) is not None else None


def visit_of(link_id: int, text: str, *, purpose: str | None = None) -> LinkVisit | None:
    """Return the visit that a cookie stands for, or None: unknown, expired, used, revoked, or of another purpose.

    Args:
        link_id: As it stands in the address.
        text: The cookie.
        purpose: The purpose of the page that is asked for.
    """
    held = read_pass(text, link_id)
    if held is None:
        return None
    with all_departments(_REASON):
        link = db.session.scalar(
            sa.select(PersonalLink)
            .where(PersonalLink.id == link_id)
            .execution_options(populate_existing=True)
        )
    if link is None or not hmac.compare_digest(link.token_hash[:16], str(held.get("mark", ""))):
        return None
    if purpose is not None and link.purpose != purpose:
        return None
    state = state_of(link)
    if state != "open" and not (state == "used" and held.get("done") is True):
        return None
    return _visit(link, held)


def _visit(link: PersonalLink, held: Mapping[str, Any]) -> LinkVisit | None:
    """Return a visit with its record, loaded in the scope that it will have."""
    declared = current_runtime().declared
    purpose = declared.link_purpose(link.purpose)
    kind = declared.record_kind(link.record_kind)
    if purpose is None or kind is None or purpose.record_kind != link.record_kind:
        return None
    customer_id = held.get("customer") if purpose.poster else link.customer_id
    scope = _scope_of(link, purpose, customer_id)
    with use_scope(scope):
        if not is_on(declared.component_of(purpose)):
            return None
        conditions = kind.narrow() if kind.narrow is not None else ()
        record = db.session.scalar(
            sa.select(kind.model)
            .where(kind.model.id == link.record_id, *conditions)
            .execution_options(populate_existing=True)
        )
        if record is None:
            return None
        customer = _row("core.customer", customer_id)
        unit = _row("core.unit", held.get("unit"))
    if customer is not None and (customer.erased_at is not None or customer.merged_into_id is not None):
        return None
    proved = purpose.second_fact is None and not purpose.collects
    return LinkVisit(
        link,
        purpose,
        record,
        customer,
        unit,
        getattr(customer, "language", None) or link.language,
        scope,
        proved or held.get("proved") is True,
        held.get("done") is True,
        held,
    )


def _row(kind_code: str, key: Any) -> Any:
    kind = current_runtime().declared.record_kind(kind_code)
    if kind is None or not isinstance(key, int):
        return None
    return db.session.scalar(sa.select(kind.model).where(kind.model.id == key))


def _scope_of(link: PersonalLink, purpose: LinkPurpose, customer_id: int | None) -> Scope:
    with all_departments(_REASON):
        department_id, departments = means().departments_of(link.department_id, link.project_id)
        if link.project_id is not None:
            projects = frozenset({link.project_id})
        else:
            projects = means().projects_of(customer_id) if customer_id is not None else frozenset()
    return Scope(
        user_id=None,
        department_id=department_id,
        project_ids=projects,
        department_ids=departments,
        permissions=frozenset(purpose.permissions),
        customer_ids=frozenset({customer_id}) if customer_id is not None else frozenset(),
    )


def _count_try(link_id: int) -> bool:
    """Take one of the tries of a link, before it is known whether the answer is right."""

    def take() -> bool:
        taken: Any = db.session.execute(
            sa.update(PersonalLink)
            .where(
                PersonalLink.id == link_id,
                PersonalLink.failures < TRIES,
                PersonalLink.revoked_at.is_(None),
            )
            .values(failures=PersonalLink.failures + 1),
            execution_options={"synchronize_session": False},
        )
        db.session.commit()
        return bool(taken.rowcount)

    with all_departments(_REASON):
        return with_retries(take)


def prove(
    visit: LinkVisit, *, fact: str = "", house: str = "", phone: str = "", notice: str
) -> LinkVisit | None:
    """Check the second fact, and record that the visitor agreed to the notice; commits.

    Args:
        visit: The visit.
        fact: The last four digits that were typed.
        house: The house that was typed at a poster.
        phone: The number that was typed at a poster.
        notice: Version of the privacy notice that was agreed to, "" when none was shown.

    Returns:
        The visit that is proved, or None when the fact is wrong or the tries are used up.
    """
    link_id, purpose = visit.link.id, visit.purpose
    customer_id, unit_id = visit.link.customer_id, None
    if purpose.second_fact == "phone_tail":
        if not _count_try(link_id):
            return None
        expected = visit.link.fact_hash or ""
        typed = encryption.blind_index(fact, f"personal_link:{visit.link.token_hash}")
        if not hmac.compare_digest(expected, typed):
            return None
    elif purpose.second_fact == "household":
        if visit.link.project_id is None:
            return None
        with all_departments("who reads a poster is found by flat and telephone number"):
            found = means().household(visit.link.project_id, house, phone)
            if found is None:
                return None
            customer_id, unit_id = found[0].id, found[1].id

    def note() -> None:
        link = db.session.get(PersonalLink, link_id, populate_existing=True)
        assert link is not None  # noqa: S101 (links are never deleted while they are open)
        now = utc_now()
        link.failures = 0
        link.opened_at = link.opened_at or now
        link.last_used_at = now
        if notice:
            if not purpose.poster:
                link.agreed_at, link.notice_version = link.agreed_at or now, notice
            customer = _row("core.customer", customer_id)
            if customer is not None:
                means().agree(customer, purpose.consent, notice)
        db.session.commit()

    with all_departments("a visitor agrees to the notice of his own link"):
        with_retries(note)
    held = {"proved": True}
    if purpose.poster:
        held |= {"customer": customer_id, "unit": unit_id}  # type: ignore[dict-item]
    with all_departments(_REASON):
        link = db.session.get(PersonalLink, link_id)
    if link is None:
        return None
    proved = _visit(link, held)
    return replace(proved, pass_=held) if proved is not None else None


def complete(visit: LinkVisit) -> None:
    """Count a completed page, in the caller's transaction.

    Raises:
        LinkClosed: It was used up, has expired or was revoked in the meantime; nothing must be saved.
    """
    now = utc_now()
    with all_departments("counting the uses of a link"):
        counted: Any = db.session.execute(
            sa.update(PersonalLink)
            .where(
                PersonalLink.id == visit.link.id,
                PersonalLink.revoked_at.is_(None),
                PersonalLink.expires_at > now,
                sa.or_(PersonalLink.uses_allowed == 0, PersonalLink.uses < PersonalLink.uses_allowed),
            )
            .values(uses=PersonalLink.uses + 1, last_used_at=now),
            execution_options={"synchronize_session": False},
        )
    if not counted.rowcount:
        raise LinkClosed()


# --- Life of customers


def move_to_customer(kept_id: int, merged_id: int) -> None:
    """Move the links of a merged customer to the one that is kept."""
    for link in db.session.scalars(sa.select(PersonalLink).where(PersonalLink.customer_id == merged_id)):
        link.customer_id = kept_id
        if link.record_kind == "core.customer" and link.record_id == merged_id:
            link.record_id = kept_id
    db.session.flush()


def erase_of_customer(customer_id: int) -> None:
    """Remove the links of an erased customer."""
    for link in db.session.scalars(sa.select(PersonalLink).where(PersonalLink.customer_id == customer_id)):
        db.session.delete(link)
    db.session.flush()


def of_customer(customer_id: int) -> list[dict[str, Any]]:
    """Return the links of a customer as plain data (PIPL 45)."""
    rows = db.session.scalars(
        sa.select(PersonalLink).where(PersonalLink.customer_id == customer_id).order_by(PersonalLink.id)
    )
    return [
        {
            "purpose": row.purpose,
            "made_at": row.created_at.isoformat(),
            "opened_at": row.opened_at.isoformat() if row.opened_at else None,
            "expires_at": row.expires_at.isoformat(),
            "agreed_to": row.notice_version,
        }
        for row in rows
    ]
