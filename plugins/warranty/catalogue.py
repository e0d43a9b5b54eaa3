"""The fourteen warranty categories with their statutory floors, and what else is read from ``data/``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from core.toolkit import in_language
from plugins.warranty.coverage import CategoryCode, System, TermKind

DATA = Path(__file__).parent / "data"


@cache
def reference(name: str) -> Any:
    """Return a file of ``data/`` as it was read from JSON; callers do not change it."""
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Bilingual:
    """A text in both languages."""

    zh: str
    en: str

    def __str__(self) -> str:
        return in_language(self.zh, self.en)

    def in_(self, language: str) -> str:
        """Return the text in a language given by its locale code."""
        return self.en if language.lower().startswith("en") and self.en else self.zh


@dataclass(frozen=True)
class Category:
    """A warranty category 保修类别.

    Attributes:
        code: W01 to W14.
        kind: In what its term is counted.
        statutory: Term of the regulation of 2000 (or of 2008 for W14): months, seasons or years of life; None for none.
        rule_1998: Minimum of the two-book rules of 1998; None for none.
        default: The usual term.
        trade: Code of the trade that usually answers.
        law: The article from which the floor comes.
        name: What it is called.
        content: What belongs to it.
        note: What else has to be known.
    """

    code: CategoryCode
    kind: TermKind
    statutory: int | None
    rule_1998: int | None
    default: int
    trade: str
    law: Bilingual
    name: Bilingual
    content: Bilingual
    note: Bilingual

    @property
    def floor(self) -> int:
        """The term that nobody may undercut, in the unit of the kind."""
        return max(self.statutory or 0, self.rule_1998 or 0)

    @property
    def systems(self) -> tuple[System | None, ...]:
        """The lines that the category has in a house: one, or one for each system that has seasons."""
        return tuple(System) if self.kind == TermKind.SEASONS else (None,)

    @property
    def title(self) -> str:
        """Code and name in the reader's language."""
        return f"{self.code} {self.name}"

    @property
    def setting_key(self) -> str:
        """The key of the department's usual term."""
        return f"term_{self.code.lower()}"


@cache
def categories() -> Mapping[str, Category]:
    """Return the fourteen categories by code, in their order."""
    data = reference("categories")
    laws = {code: Bilingual(**text) for code, text in data["laws"].items()}
    return {
        row["code"]: Category(
            code=CategoryCode(row["code"]),
            kind=TermKind(row["kind"]),
            statutory=row["statutory"],
            rule_1998=row["rule_1998"],
            default=row["default"],
            trade=row["trade"],
            law=laws[row["law"]],
            name=Bilingual(**row["name"]),
            content=Bilingual(**row["content"]),
            note=Bilingual(**row["note"]),
        )
        for row in data["categories"]
    }


@dataclass(frozen=True)
class KnownSeason:
    """A season of a city that is known to the module, as a proposal."""

    city: Bilingual
    system: System
    start: tuple[int, int]
    end: tuple[int, int]


@cache
def known_seasons() -> Sequence[KnownSeason]:
    """Return the seasons that can be proposed."""
    return tuple(
        KnownSeason(
            Bilingual(**row["city"]), System(row["system"]), _month_day(row["start"]), _month_day(row["end"])
        )
        for row in reference("categories")["known_seasons"]
    )


def _month_day(text: str) -> tuple[int, int]:
    month, day = text.split("-")
    return int(month), int(day)


@dataclass(frozen=True)
class Fault:
    """A usual kind of fault, with what it proposes for its order.

    Attributes:
        code: Stored value.
        name: What it is called.
        category: Warranty category.
        priority: P1 to P4.
        days: Usual days until it is finished (domain reference 3.4.4).
        trade: Code of the trade that answers.
        system: ``heating`` or ``cooling`` for W05, else "".
        is_leak: Whether the limit for leaks holds and the plan is signed.
        is_rain_leak: Whether it counts towards the alarm for leaks after rain.
        is_structural: Whether the structure is concerned: authority and design unit are told.
    """

    code: str
    name: Bilingual
    category: CategoryCode
    priority: str
    days: int
    trade: str
    system: str
    is_leak: bool
    is_rain_leak: bool
    is_structural: bool

    @property
    def setting_key(self) -> str:
        """The key of the usual days."""
        return f"days_{self.code}"


@cache
def faults() -> Mapping[str, Fault]:
    """Return the usual faults by code, the urgent ones first."""
    return {
        row["code"]: Fault(
            code=row["code"],
            name=Bilingual(**row["name"]),
            category=CategoryCode(row["category"]),
            priority=row["priority"],
            days=row["days"],
            trade=row.get("trade") or categories()[row["category"]].trade,
            system=row.get("system", ""),
            is_leak=row.get("leak", False),
            is_rain_leak=row.get("rain", False),
            is_structural=row.get("structure", False),
        )
        for row in reference("faults")["faults"]
    }
