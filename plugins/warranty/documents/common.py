"""What the papers of the module share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.toolkit import (
    Attachment,
    _,
    attachments_of,
    prints_personal_data,
)
from plugins.warranty import words
from plugins.warranty.catalogue import categories, faults
from plugins.warranty.common import project_name
from plugins.warranty.models import (
    Order,
)


def person(text: str) -> str:
    """A name or number on an issued paper and for those who may read it; room for ink on the drafts of others."""
    return text if prints_personal_data() else ""


def fault_name(order: Order, language: str) -> str:
    fault = faults().get(order.fault_code)
    return fault.name.in_(language) if fault is not None else order.fault_code


def category_name(code: str, language: str) -> str:
    return f"{code} {categories()[code].name.in_(language)}"


def house_facts(record: Any, language: str) -> list[tuple[Any, ...]]:
    return [
        (_("Project"), project_name(record.project, language)),
        (_("House"), record.house),
    ]


def photos(order: Order, slot: str, prefix: str) -> list[dict[str, Any]]:
    pictures: Sequence[Attachment] = [each for each in attachments_of(order, slot) if each.thumbnail_sha256]
    return [
        {
            "url": f"attachment:{photo.id}",
            "number": f"{prefix}{position}",
            "caption": photo.caption or words.moment_text(photo.taken_at),
        }
        for position, photo in enumerate(pictures, start=1)
    ]


def shortened(text: str, longest: int = 120) -> str:
    """A long description stands on the order; the slip shows how it begins."""
    return text if len(text) <= longest else f"{text[:longest].rstrip()}…"
