"""What other modules print of the warranty of a house: the lines of its quality guarantee."""

from __future__ import annotations

from core.toolkit import HouseTerm, Unit
from plugins.warranty import words
from plugins.warranty.services.coverage import COMMON_PARTS, house_term_text, lines_of


def house_terms(unit: Unit) -> list[HouseTerm]:
    """Return for what a house is guaranteed and how long, in the reader's language; common parts are left out.

    Args:
        unit: The house.

    Source: domain reference 3.4.2.
    """
    return [
        HouseTerm(
            code=str(line.category.code),
            part=" · ".join(
                filter(
                    None, (str(line.category.name), str(words.SYSTEMS[line.system]) if line.system else "")
                )
            ),
            content=str(line.category.content),
            period=house_term_text(unit.project, line.category, line.terms.owner, line.system),
            start=line.period.owner_start,
            end=line.period.owner_end,
        )
        for line in lines_of(unit)
        if line.category.code != COMMON_PARTS
    ]
