"""Supplements as they stand in the PDF of a record: what was different, why, and who signed that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from core.machinery.signatures import services
from core.plugin_system.declarations import Signable

__all__ = ["supplement_parts", "value_words", "words_of"]

_NOTHING = "—"


def words_of(signable: Signable | None, path: tuple[str, ...]) -> str:
    """Return the words for a place in the signed content."""
    return (
        str(signable.label(path)) if signable is not None and signable.label is not None else " › ".join(path)
    )


def value_words(signable: Signable | None, path: tuple[str, ...], value: Any) -> str:
    """Return the words for a value of the signed content: one that its module gives, or the value itself.

    Args:
        signable: How the record is signed.
        path: The place of the value.
        value: A text, a number, true or false, None where there is nothing, or a mapping or list of these.
    """
    if value is None or value in ("", [], {}):
        return _NOTHING
    if isinstance(value, Mapping):
        parts = [
            (words_of(signable, (key,)), value_words(signable, (*path, key), each))
            for key, each in value.items()
        ]
        return " · ".join(f"{place} {words}" for place, words in parts if words != _NOTHING) or _NOTHING
    if isinstance(value, list | tuple):
        return " · ".join(
            value_words(signable, (*path, str(number)), each) for number, each in enumerate(value, 1)
        )
    if signable is not None and signable.value is not None:
        value = signable.value(path, value)
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return str(value)


def supplement_parts(record: Any, names: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Return what ``form.supplements`` of a document prints: each supplement of a signed record in its order.

    Args:
        record: The record.
        names: What stands below an empty box of a role, when it is known who will sign.

    Returns:
        A mapping for each with ``number``, ``date``, ``reason``, ``rows`` (place, before, after; None when what was
        signed can no longer be read), ``boxes`` (for those who signed it, and for those who signed the record and not
        yet this) and ``content_hash``.
    """
    signable = services.signable_of(record)
    roles = dict(signable.roles) if signable is not None else {}
    signatures = services.signatures_of(record)
    signed_first = {each.role for each in signatures if each.supplement_id is None}
    parts = []
    for made, changes in services.supplement_changes(record):
        own = [each for each in signatures if each.supplement_id == made.id]
        boxes: list[dict[str, Any]] = []
        for role in dict.fromkeys([*roles, *(each.role for each in own)]):
            label = roles.get(role, role)
            of_role = [services.box_of(each, label) for each in own if each.role == role]
            if not of_role and role in signed_first:
                of_role = [{"role": str(label), "name": (names or {}).get(role, "")}]
            boxes += of_role
        rows = None
        if changes is not None:
            rows = [
                (words_of(signable, each.path), *words)
                for each in changes
                if (words := _both(signable, each)) != (_NOTHING, _NOTHING)
            ]
        parts.append(
            {
                "number": made.number,
                "date": services.moment_words(made.changed_at),
                "reason": made.reason,
                "rows": rows,
                "boxes": boxes,
                "content_hash": made.content_hash,
            }
        )
    return parts


def _both(signable: Signable | None, change: services.Difference) -> tuple[str, str]:
    return (
        value_words(signable, change.path, change.before),
        value_words(signable, change.path, change.after),
    )
