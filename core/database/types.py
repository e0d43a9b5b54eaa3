"""Column types: UTC times, money, encrypted text."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from core.database import encryption

LOCAL_ZONE = ZoneInfo("Asia/Shanghai")
"""The time zone of all pages and documents; the database keeps UTC."""
CENT = Decimal("0.01")


def utc_now() -> dt.datetime:
    """Return the present moment as an aware datetime in UTC."""
    return dt.datetime.now(dt.UTC)


def local_today() -> dt.date:
    """Return today's date in China, whatever the server's clock zone."""
    return dt.datetime.now(LOCAL_ZONE).date()


class UtcDateTime(TypeDecorator[dt.datetime]):
    """An aware datetime, stored in UTC; a naive one is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"The time {value!r} has no zone; pass an aware datetime.")
        value = value.astimezone(dt.UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


class Money(TypeDecorator[Decimal]):
    """An amount in yuan with two decimals; whole cents on SQLite, which has no exact decimals."""

    impl = sa.Numeric(14, 2)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.BigInteger())
        return dialect.type_descriptor(sa.Numeric(14, 2))

    def process_bind_param(self, value: Decimal | int | str | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if isinstance(value, float):
            raise TypeError("Money takes a Decimal; a float cannot hold cents exactly.")
        amount = Decimal(value).quantize(CENT, ROUND_HALF_UP)
        return int(amount * 100) if dialect.name == "sqlite" else amount

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        if value is None:
            return None
        return Decimal(value).scaleb(-2) if dialect.name == "sqlite" else Decimal(value)


class Area(Money):
    """A floor area in square metres with two decimals, held as exactly as money."""

    cache_ok = True


class EncryptedText(TypeDecorator[str]):
    """Text that is encrypted before it reaches the database; search it through a blind index beside it."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else encryption.encrypt(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else encryption.decrypt(value)
