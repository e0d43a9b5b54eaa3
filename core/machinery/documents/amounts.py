"""Sums of money as they stand on Chinese paper: with thousands, and in capital numerals 大写 that nobody can alter.

The capitals follow the rules for filling in bills (中国人民银行《支付结算办法》附件一
《正确填写票据和结算凭证的基本规定》): 零 for zeros within, 整 after yuan and jiao.
The library cn2an writes them; here its input is narrowed to amounts that it writes by the rules.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import cn2an

LARGEST = Decimal("999999999999.99")
"""Sums above it, a trillion yuan, are refused."""
_CENT = Decimal("0.01")


def money(value: Decimal | int | str, symbol: str = "¥") -> str:
    """Return an amount in yuan with thousands and two places: ``¥1,234,567.80``, ``-¥5.00``.

    Args:
        value: Yuan; never a float, which is not exact.
        symbol: Stands before the digits; "" leaves it out, as in a column of amounts.

    Raises:
        ValueError: The value is no number.
    """
    amount = _cents(value)
    sign = "-" if amount < 0 else ""
    return f"{sign}{symbol}{abs(amount):,.2f}"


def capital_amount(value: Decimal | int | str) -> str:
    """Return an amount in yuan in capital numerals: ``壹佰贰拾叁万肆仟伍佰陆拾柒元捌角整``.

    Args:
        value: Yuan; never a float, which is not exact. Rounded half up to whole fen.

    Raises:
        ValueError: The value is no number, or a trillion and more.
    """
    amount = _cents(value)
    if abs(amount) > LARGEST:
        raise ValueError(f"{amount:,} is too large to be written in capital numerals.")
    words = str(cn2an.an2cn(f"{abs(amount):.2f}", "rmb"))
    if not words.endswith(("整", "分")):
        words += "整"
    return f"负{words}" if amount < 0 else words


def _cents(value: Decimal | int | str) -> Decimal:
    if isinstance(value, float):
        raise TypeError("Amounts of money are Decimal: a float is not exact.")
    try:
        return Decimal(value).quantize(_CENT, ROUND_HALF_UP)
    except ArithmeticError as error:
        raise ValueError(f"{value!r} is not an amount of money.") from error
