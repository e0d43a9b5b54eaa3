"""Signing records, supplementing what was signed, checking that it still is what was signed, and the pictures."""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import json
import re
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app
from flask_babel import format_datetime
from flask_babel import gettext as _

from core.database.owners import owner_of
from core.database.scope import require_scope
from core.database.types import utc_now
from core.extensions import db
from core.machinery.signatures.guard import RecordSigned, SignedPart, install_guard
from core.machinery.signatures.models import Signature, SigningMethod, Supplement
from core.machinery.signatures.strokes import StrokesRefused, draw, read_strokes
from core.plugin_system.declarations import Signable
from core.plugin_system.runtime import current_runtime

__all__ = [
    "Difference",
    "Match",
    "Means",
    "RecordSigned",
    "Signature",
    "SignatureCheck",
    "SignatureRefused",
    "SignedPart",
    "SigningMethod",
    "Supplement",
    "box_of",
    "canonical",
    "content_hash",
    "content_of",
    "differences",
    "is_signed",
    "moment_words",
    "picture_of",
    "set_up_signatures",
    "sign",
    "signable_of",
    "signature_boxes",
    "signatures_of",
    "signed_content",
    "supplement",
    "supplement_changes",
    "supplements_of",
    "verify",
]

_EXTENSION = "doorstep.signatures"
_KEY = re.compile(r"[A-Za-z0-9-]{8,60}")
_POSITION = re.compile(r"-?\d{1,3}\.\d{1,7},-?\d{1,3}\.\d{1,7}( ±\d{1,6} m)?")


class SignatureRefused(ValueError):
    """A signature or a supplement is not taken; the message is a full sentence for the user."""


@dataclass(frozen=True)
class Means:
    """What signatures take from other parts of the core.

    Attributes:
        encrypt: Encrypts bytes for a subject.
        decrypt: Decrypts them; raises LookupError when the subject was erased.
        subject_of: Returns the subject of a customer id, or of None.
        record_event: Writes an event into the audit log.
    """

    encrypt: Callable[[str, bytes], bytes]
    decrypt: Callable[[str, bytes], bytes]
    subject_of: Callable[[int | None], str]
    record_event: Callable[..., None]


class Match(StrEnum):
    """What a check says."""

    MATCHES = "matches"
    """The record is word for word what was signed."""
    CHANGED = "changed"
    """The record, or what was kept of the signature, is not what was signed."""
    UNKNOWN = "unknown"
    """Its module is switched off, so that what is there now cannot be read."""


@dataclass(frozen=True)
class SignatureCheck:
    """What the check of one signature found.

    Attributes:
        signature: The signature.
        match: Whether what is there now is what was signed.
        readable: Whether the copy that was kept of the signed content can be read; it cannot once the customer of whom
            it speaks was erased.
    """

    signature: Signature
    match: Match
    readable: bool


@dataclass(frozen=True)
class Difference:
    """A place in the content that differs: its path of keys, and the values; None where there is nothing."""

    path: tuple[str, ...]
    before: Any
    after: Any


def set_up_signatures(app: Flask, session_factory: Any, means: Means) -> None:
    """Guard what is signed, and hand over what signatures need."""
    install_guard(session_factory)
    app.extensions[_EXTENSION] = means


def _means() -> Means:
    means: Means = current_app.extensions[_EXTENSION]
    return means


def canonical(content: Any) -> str:
    """Return the one text form of content of which hashes are made (JSON, keys sorted, no spaces).

    Raises:
        TypeError: Something in it is neither a mapping, a list, a text, a whole number, true, false nor null. Decimals,
            times and floats are written as texts by whoever makes the content, so that they read the same for ever.
    """
    _check_plain(content)
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _check_plain(value: Any) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"The key {key!r} of signed content is no text.")
            _check_plain(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_plain(item)
    elif value is not None and not isinstance(value, str | int):
        raise TypeError(f"{value!r} cannot be signed; write it as a text.")


def content_hash(content: Any) -> str:
    """Return the SHA-256 over content in its canonical form, in hexadecimal."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def signable_of(record: Any) -> Signable | None:
    """Return how a record is signed, or None when records of its kind are not, or its module is off."""
    declared = current_runtime().declared
    kind = declared.record_kind_of(record)
    return declared.signable(kind.code) if kind is not None else None


def content_of(record: Any) -> Mapping[str, Any]:
    """Return what would be signed of a record now.

    Raises:
        SignatureRefused: Records of its kind are not signed.
    """
    signable = signable_of(record)
    if signable is None:
        raise SignatureRefused(_("Records of this kind are not signed, or their module is switched off."))
    return signable.content(record)


def _kind_code(record: Any) -> str:
    kind = current_runtime().declared.record_kind_of(record)
    if kind is None:
        raise LookupError(f"{type(record).__name__} is not a declared record kind, so it cannot be signed.")
    return kind.code


def sign(
    record: Any,
    *,
    role: str,
    name: str,
    picture: str = "",
    content: Mapping[str, Any] | None = None,
    place: str = "",
    position: str = "",
    device: str = "",
    customer_id: int | None = None,
    under: Supplement | None = None,
    client_key: str | None = None,
    signed_at: dt.datetime | None = None,
) -> Signature:
    """Sign a record, or a supplement to it, in the caller's transaction. From then on what is covered does not change.

    The record is locked first, so that nobody changes it in the same moment.

    Args:
        record: A loaded record of a declared kind.
        role: As what somebody signs; one of the roles that the kind declares, if it declares any.
        name: Who signs.
        picture: What the pad sent (see :mod:`core.machinery.signatures.strokes`); empty when the name was typed and
            confirmed instead.
        content: What is signed; what the declared kind gives when omitted.
        place: Where, as it was typed.
        position: Where, as the device measured it: ``31.2304,121.4737 ±12 m``.
        device: What the browser says of itself.
        customer_id: The customer who signs; his picture is encrypted with his key, that of staff with the key of the
            installation.
        under: The supplement that is signed.
        client_key: What the page calls this signature; the same key returns the same signature.
        signed_at: When, if not now.

    Raises:
        SignatureRefused: Name or ink is missing, the role is unknown, or the record is not ready.
    """
    means = _means()
    kind = _kind_code(record)
    signable = current_runtime().declared.signable(kind)
    db.session.flush()
    _lock(record)
    known = _by_client_key(kind, record.id, client_key)
    if known is not None:
        return known
    if signable is not None:
        if role not in signable.roles:
            raise SignatureRefused(_("Choose as what you sign."))
        reason = signable.may_sign(record) if signable.may_sign is not None else None
        if reason is not None:
            raise SignatureRefused(str(reason))
    name = " ".join(name.split())
    if not name:
        raise SignatureRefused(_("The name of the signer is missing. Write it below the signature."))
    if len(name) > 80:
        raise SignatureRefused(_("The name is too long. Write it with at most 80 characters."))
    if under is not None:
        content = _content_of_supplement(under)
    elif content is None:
        content = content_of(record)
    owner = owner_of(record)
    subject = means.subject_of(owner.customer_id)
    signer_subject = means.subject_of(customer_id)
    strokes = _checked_strokes(picture) if picture else ""
    made = Signature(
        record_kind=kind,
        record_id=record.id,
        supplement_id=under.id if under is not None else None,
        role=role,
        name=name,
        method=SigningMethod.DRAWN if strokes else SigningMethod.TYPED,
        signed_at=signed_at or utc_now(),
        place=" ".join(place.split())[:160],
        position=position if _POSITION.fullmatch(position) else "",
        device=device[:255],
        content_hash=content_hash(content),
        sealed_content=_sealed(subject, canonical(content)),
        content_subject=subject,
        sealed_strokes=_sealed(signer_subject, strokes) if strokes else None,
        strokes_hash=hashlib.sha256(strokes.encode()).hexdigest() if strokes else "",
        signer_subject=signer_subject,
        client_key=client_key if client_key and _KEY.fullmatch(client_key) else None,
        signer_customer_id=customer_id,
        witness_id=require_scope().user_id,
        **owner.as_columns(),
    )
    db.session.add(made)
    db.session.flush()
    means.record_event("signed", record, role=role, method=str(made.method), sha256=made.content_hash)
    return made


def _lock(record: Any) -> None:
    """Lock the record and forget what was read before, so that what is signed is what is stored."""
    db.session.execute(sa.select(type(record).id).where(type(record).id == record.id).with_for_update())
    db.session.expire_all()


def _by_client_key(kind: str, record_id: int, key: str | None) -> Signature | None:
    if not key:
        return None
    return db.session.scalar(
        sa.select(Signature).where(
            Signature.record_kind == kind, Signature.record_id == record_id, Signature.client_key == key
        )
    )


def _checked_strokes(text: str) -> str:
    """Return the strokes in the form in which they are kept."""
    try:
        strokes = read_strokes(text)
    except StrokesRefused as refused:
        words = {
            "empty": _("There is no signature on the pad yet. Sign with a finger, a pen or the mouse."),
            "large": _("The drawing is too large for a signature. Clear the pad and sign once more."),
        }
        sentence = words.get(
            str(refused), _("The signature did not arrive whole. Clear the pad and sign once more.")
        )
        raise SignatureRefused(sentence) from refused
    return json.dumps(
        {
            "size": [strokes.width, strokes.height],
            "strokes": [
                [[round(x, 1), round(y, 1), round(pressure, 2)] for x, y, pressure in line]
                for line in strokes.lines
            ],
        },
        separators=(",", ":"),
    )


def _sealed(subject: str, text: str) -> bytes:
    return _means().encrypt(subject, zlib.compress(text.encode(), 9))


def _opened(subject: str, sealed: bytes | None) -> str | None:
    """Return a sealed text, or None when it was erased or damaged."""
    if sealed is None:
        return None
    try:
        return zlib.decompress(_means().decrypt(subject, sealed)).decode()
    except (LookupError, ValueError, zlib.error):
        return None


def signatures_of(record: Any, role: str | None = None) -> Sequence[Signature]:
    """Return the signatures under a record and its supplements, in the order in which they were made.

    Args:
        record: A loaded record of a declared kind.
        role: Only those in one role; all when None.
    """
    query = sa.select(Signature).where(
        Signature.record_kind == _kind_code(record), Signature.record_id == record.id
    )
    if role is not None:
        query = query.where(Signature.role == role)
    return db.session.scalars(query.order_by(Signature.id)).all()


def is_signed(record: Any) -> bool:
    """Return whether somebody signed a record, so that what is covered does not change any more."""
    query = sa.select(Signature.id).where(
        Signature.record_kind == _kind_code(record),
        Signature.record_id == record.id,
        Signature.supplement_id.is_(None),
    )
    return db.session.scalar(query.limit(1)) is not None


def picture_of(signature: Signature) -> bytes | None:
    """Return the picture of a signature as PNG; None when the name was typed, or the signer was erased."""
    text = _opened(signature.signer_subject, signature.sealed_strokes)
    if text is None or hashlib.sha256(text.encode()).hexdigest() != signature.strokes_hash:
        return None
    return draw(read_strokes(text))


def supplements_of(record: Any) -> Sequence[Supplement]:
    """Return the supplements to a record in their order."""
    return db.session.scalars(
        sa.select(Supplement)
        .where(Supplement.record_kind == _kind_code(record), Supplement.record_id == record.id)
        .order_by(Supplement.number)
    ).all()


def signed_content(record: Any) -> dict[str, Any]:
    """Return a copy of what holds: the content of the newest supplement, or else what was signed first.

    Raises:
        SignatureRefused: Nobody signed the record, or what was signed can no longer be read.
    """
    kept = supplements_of(record)
    if kept:
        text = _opened(kept[-1].content_subject, kept[-1].sealed_content)
    else:
        first = next((each for each in signatures_of(record) if each.supplement_id is None), None)
        if first is None:
            raise SignatureRefused(_("Nobody has signed this record yet, so it can still be changed itself."))
        text = _opened(first.content_subject, first.sealed_content)
    if text is None:
        raise SignatureRefused(
            _("What was signed spoke of a customer who was erased; it can no longer be read.")
        )
    found: dict[str, Any] = json.loads(text)
    return found


def supplement(record: Any, *, content: Mapping[str, Any], reason: str) -> Supplement:
    """Add a supplement to a signed record: the record stays as it was signed, the supplement says what holds now.

    Args:
        record: A signed record.
        content: What holds from now on: a changed copy of :func:`signed_content`.
        reason: Why, in the words of the user.

    Raises:
        SignatureRefused: Nobody signed the record, the reason is missing, or nothing is different.
    """
    means = _means()
    _lock(record)
    before = signed_content(record)
    if len(reason.strip()) < 4:
        raise SignatureRefused(_("Say in a few words why the signed record has to be supplemented."))
    content = copy.deepcopy(dict(content))
    if not differences(before, content):
        raise SignatureRefused(_("Nothing is different from what was signed. Enter what has changed."))
    owner = owner_of(record)
    subject = means.subject_of(owner.customer_id)
    kept = supplements_of(record)
    made = Supplement(
        record_kind=_kind_code(record),
        record_id=record.id,
        number=(kept[-1].number if kept else 0) + 1,
        reason=reason.strip()[:2000],
        content_hash=content_hash(content),
        sealed_content=_sealed(subject, canonical(content)),
        content_subject=subject,
        changed_by_id=require_scope().user_id,
        **owner.as_columns(),
    )
    db.session.add(made)
    db.session.flush()
    means.record_event("supplemented", record, number=made.number, sha256=made.content_hash)
    return made


def _content_of_supplement(made: Supplement) -> dict[str, Any]:
    """Return what who signs a supplement signs: which one it is, and what holds from then on.

    The reason is not in it: it is free text, which is emptied when the customer is erased.
    """
    return {"supplement": made.number, "content_sha256": made.content_hash}


def supplement_changes(record: Any) -> list[tuple[Supplement, list[Difference] | None]]:
    """Return the supplements to a record with what each changed; None where it can no longer be read."""
    first = next((each for each in signatures_of(record) if each.supplement_id is None), None)
    before = _opened(first.content_subject, first.sealed_content) if first is not None else None
    found: list[tuple[Supplement, list[Difference] | None]] = []
    for each in supplements_of(record):
        after = _opened(each.content_subject, each.sealed_content)
        if before is None or after is None:
            found.append((each, None))
        else:
            found.append((each, differences(json.loads(before), json.loads(after))))
        before = after
    return found


_ABSENT: Any = object()


def differences(before: Any, after: Any, path: tuple[str, ...] = ()) -> list[Difference]:
    """Return where two contents differ, in the order of their keys; nothing when their hashes are equal."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found: list[Difference] = []
        for key in dict.fromkeys([*before, *after]):
            found += differences(before.get(key, _ABSENT), after.get(key, _ABSENT), (*path, key))
        return found
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        found = []
        for index in range(max(len(before), len(after))):
            old = before[index] if index < len(before) else _ABSENT
            new = after[index] if index < len(after) else _ABSENT
            found += differences(old, new, (*path, str(index + 1)))
        return found
    if before is not _ABSENT and after is not _ABSENT and canonical(before) == canonical(after):
        return []
    return [Difference(path, *(None if value is _ABSENT else value for value in (before, after)))]


def verify(record: Any) -> list[SignatureCheck]:
    """Return for each signature under a record whether what is there now is what was signed.

    The hash is made anew from the record and compared with the signed one; of a supplement, from what was kept of it.
    What was kept of the signed content must give the same hash too.
    """
    signable = signable_of(record)
    present = content_hash(signable.content(record)) if signable is not None else None
    return [_check(each, present) for each in signatures_of(record)]


def _check(signature: Signature, present: str | None) -> SignatureCheck:
    kept = _opened(signature.content_subject, signature.sealed_content)
    is_damaged = kept is not None and hashlib.sha256(kept.encode()).hexdigest() != signature.content_hash
    if signature.supplement is not None:
        now: str | None = content_hash(_content_of_supplement(signature.supplement))
        text = _opened(signature.supplement.content_subject, signature.supplement.sealed_content)
        if (
            text is not None
            and hashlib.sha256(text.encode()).hexdigest() != signature.supplement.content_hash
        ):
            is_damaged = True
    else:
        now = present
    if now is None:
        match = Match.CHANGED if is_damaged else Match.UNKNOWN
    else:
        match = Match.MATCHES if now == signature.content_hash and not is_damaged else Match.CHANGED
    return SignatureCheck(signature, match, kept is not None)


def signature_boxes(
    record: Any,
    roles: Sequence[tuple[str, Any]] | None = None,
    names: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Return the boxes for ``form.signatures`` of a document: picture, name and date of who signed, else a box for ink.

    Args:
        record: The record.
        roles: ``(role, label)`` pairs in their order; those that its kind declares when omitted.
        names: What stands below an empty box of a role, when it is known who will sign.
    """
    signable = signable_of(record)
    if roles is None:
        roles = list(signable.roles.items()) if signable is not None else []
    made = [each for each in signatures_of(record) if each.supplement_id is None]
    boxes: list[dict[str, Any]] = []
    for role, label in roles:
        of_role = [each for each in made if each.role == role]
        boxes += [box_of(each, label) for each in of_role]
        if not of_role:
            boxes.append({"role": str(label), "name": (names or {}).get(role, "")})
    return boxes


def box_of(signature: Signature, label: Any) -> dict[str, Any]:
    """Return the box of one signature for ``form.signatures`` of a document.

    Args:
        signature: The signature.
        label: As what it was signed.
    """
    picture = picture_of(signature)
    notes = [signature.place]
    if signature.method == SigningMethod.TYPED:
        notes.append(_("Confirmed by typing the name"))
    return {
        "role": str(label),
        "name": signature.name,
        "date": moment_words(signature.signed_at),
        "image": f"data:image/png;base64,{b64encode(picture).decode()}" if picture is not None else "",
        "note": " · ".join(note for note in notes if note),
    }


def moment_words(moment: dt.datetime) -> str:
    """Return a moment as it stands below a signature, in the zone and language of the document."""
    return str(format_datetime(moment, "short"))


def move_to_customer(kept_id: int, merged_id: int) -> None:
    """Move what belongs to a merged customer; it stays encrypted with the key under which it was signed."""
    for row in db.session.scalars(sa.select(Signature).where(Signature.signer_customer_id == merged_id)):
        row.signer_customer_id = kept_id
    for about in _about_customer(merged_id):
        about.customer_id = kept_id
    db.session.flush()


def erase_of_customer(customer_id: int) -> None:
    """Empty what is personal: name, place and picture of the signer, and the kept copies that speak of the customer.

    The rows stay with their hashes, so that it can still be told that the record is what was signed.
    """
    for row in db.session.scalars(sa.select(Signature).where(Signature.signer_customer_id == customer_id)):
        row.name = row.place = row.position = row.device = ""
        row.sealed_strokes = None
    for about in _about_customer(customer_id):
        about.sealed_content = None
        if isinstance(about, Supplement):
            about.reason = ""
    db.session.flush()


def _about_customer(customer_id: int) -> list[Signature | Supplement]:
    """Return the signatures and supplements under records of a customer."""
    signatures = db.session.scalars(sa.select(Signature).where(Signature.customer_id == customer_id))
    supplements = db.session.scalars(sa.select(Supplement).where(Supplement.customer_id == customer_id))
    return [*signatures, *supplements]


def of_customer(customer_id: int) -> list[dict[str, Any]]:
    """Return what a customer signed, as plain data (PIPL 45)."""
    rows = db.session.scalars(sa.select(Signature).where(Signature.signer_customer_id == customer_id))
    return [
        {
            "record_kind": row.record_kind,
            "role": row.role,
            "name": row.name,
            "signed_at": row.signed_at.isoformat(),
            "place": row.place,
            "position": row.position,
            "sha256": row.content_hash,
        }
        for row in rows
    ]
