"""Sums of money on paper: the examples of the rules for bills, and what holds for every amount."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.machinery.documents.amounts import LARGEST, capital_amount, money

pytestmark = pytest.mark.no_database

DIGITS = "零壹贰叁肆伍陆柒捌玖"
UNITS = {"拾": 10, "佰": 100, "仟": 1000}
AMOUNTS = st.decimals(min_value=Decimal(0), max_value=LARGEST, places=2)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        # The examples of the rules (《正确填写票据和结算凭证的基本规定》四).
        ("1409.50", "壹仟肆佰零玖元伍角整"),
        ("6007.14", "陆仟零柒元壹角肆分"),
        ("325.04", "叁佰贰拾伍元零肆分"),
        ("16409.02", "壹万陆仟肆佰零玖元零贰分"),
        ("107000.53", "壹拾万柒仟元伍角叁分"),
        ("0", "零元整"),
        ("0.05", "伍分"),
        ("0.50", "伍角整"),
        ("10", "壹拾元整"),
        ("100000001", "壹亿零壹元整"),
        ("1850000", "壹佰捌拾伍万元整"),
        ("-20000.01", "负贰万元零壹分"),
        ("0.005", "壹分"),
    ],
)
def test_capitals_follow_the_rules_for_bills(amount, words):
    assert capital_amount(Decimal(amount)) == words


def value_of(words: str) -> Decimal:
    """Read capitals: written for the test alone, from the meaning of the characters."""
    whole, yuan, rest = words.partition("元")
    if not yuan:
        whole, rest = "", words
    total = section = digit = 0
    for character in whole:
        if character in DIGITS:
            digit = DIGITS.index(character)
        elif character in UNITS:
            section += digit * UNITS[character]
            digit = 0
        else:
            total = (
                (total + section + digit) * {"万": 10**4, "亿": 10**8}[character]
                if character == "亿"
                else (total + (section + digit) * 10**4)
            )
            section = digit = 0
    found = Decimal(total + section + digit)
    for name, worth in (("角", "0.1"), ("分", "0.01")):
        if match := re.search(f"(.){name}", rest):
            found += DIGITS.index(match[1]) * Decimal(worth)
    return found


@given(AMOUNTS)
def test_capitals_say_the_amount_and_nothing_else(amount):
    words = capital_amount(amount)
    assert value_of(words) == amount
    assert "零零" not in words
    assert words.endswith(("整", "分"))
    assert words.endswith("整") is (amount * 100 % 10 == 0)
    assert not re.search("零[拾佰仟万亿]", words)


@given(AMOUNTS)
def test_money_says_the_amount(amount):
    text = money(amount)
    assert re.fullmatch(r"¥\d{1,3}(,\d{3})*\.\d\d", text)
    assert Decimal(text[1:].replace(",", "")) == amount
    assert money(amount, "") == text[1:]


def test_what_is_no_exact_amount_is_refused():
    assert money("-5") == "-¥5.00"
    for refused in (capital_amount, money):
        with pytest.raises(TypeError):
            refused(1.5)
        with pytest.raises(ValueError, match="not an amount"):
            refused("five")
    with pytest.raises(ValueError, match="too large"):
        capital_amount(LARGEST + 1)
