"""What an area difference means in money (商品房销售管理办法 Art. 20). Pure arithmetic, no database."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


@dataclass(frozen=True)
class AreaTerms:
    """How a difference is settled.

    Attributes:
        limit_percent: Up to which absolute difference, included, the measured area is paid as it is.
        refund_factor: How many times the price of what is missing beyond the limit the developer gives back.
    """

    limit_percent: Decimal
    refund_factor: int


@dataclass(frozen=True)
class AreaResult:
    """A settled difference.

    Attributes:
        difference: Measured minus contract area in m².
        percent: The same in percent of the contract area, to two decimals.
        amount: What the owner pays, in yuan; negative for what he gets back.
        is_beyond: Whether the difference exceeds the limit, so that the buyer may rescind.
        within_area: The part in m², without sign, that is settled at the contract price.
        beyond_area: The part in m², without sign, beyond the limit.
    """

    difference: Decimal
    percent: Decimal
    amount: Decimal
    is_beyond: bool
    within_area: Decimal
    beyond_area: Decimal


def settle(contract: Decimal, measured: Decimal, unit_price: Decimal, terms: AreaTerms) -> AreaResult:
    """Return what a difference between the areas of a house means.

    Up to the limit the buyer pays, or gets back, the difference at the contract price. Beyond it, a larger house costs
    the buyer nothing more; for a smaller one the developer gives back the price of the rest several times.

    Args:
        contract: Contract area in m², above 0.
        measured: Measured area in m².
        unit_price: Contract price in yuan a m².
        terms: The limit and the factor.

    Source: 商品房销售管理办法 Art. 20 [LAW]: 3 %, double refund.
    """
    difference = measured - contract
    exact = abs(difference) * 100 / contract
    within = min(abs(difference), contract * terms.limit_percent / 100)
    beyond = abs(difference) - within
    if difference >= 0:
        amount = within * unit_price
    else:
        amount = -(within + beyond * terms.refund_factor) * unit_price
    sign = -1 if difference < 0 else 1
    return AreaResult(
        difference,
        (exact * sign).quantize(CENT, ROUND_HALF_UP),
        amount.quantize(CENT, ROUND_HALF_UP),
        exact > terms.limit_percent,
        within,
        beyond,
    )
