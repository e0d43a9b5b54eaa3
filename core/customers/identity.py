"""Checking, normalising and masking of personal values: telephone numbers, identity numbers, credit codes, names."""

from __future__ import annotations

import re

import phonenumbers
from flask_babel import lazy_gettext as _l
from stdnum.cn import ric, uscc
from stdnum.exceptions import InvalidChecksum, InvalidComponent, ValidationError

from core.customers.models import IdentityType
from core.database.encryption import blind_index
from core.database.types import local_today
from core.languages import Text


class PersonalValueError(ValueError):
    """A personal value is not possible; the message is a full sentence that does not repeat the value.

    Attributes:
        field: Name of the attribute of a customer that it was meant for.
    """

    def __init__(self, message: Text, field: str) -> None:
        super().__init__(message)
        self.field = field


def normalise_phone(value: str | None, region: str = "CN") -> str | None:
    """Return a telephone number as it is stored: eleven digits for mainland mobiles, else E.164.

    Args:
        value: What was typed; full-width digits, spaces, hyphens and "+86" are understood.
        region: Region of a number without country code.

    Raises:
        PersonalValueError: No such number is possible.
    """
    text = (value or "").translate(str.maketrans("０１２３４５６７８９＋－（）", "0123456789+-()")).strip()
    if not text:
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise PersonalValueError(_phone_message(), "phone") from error
    if not phonenumbers.is_valid_number(number):
        raise PersonalValueError(_phone_message(), "phone")
    national = str(number.national_number)
    if number.country_code == 86 and len(national) == 11 and national.startswith("1"):
        return national
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _phone_message() -> Text:
    return _l(
        "This telephone number is not possible. Write eleven digits for a mainland mobile, the area code with a "
        "landline (0755-12345678), or + and the country code."
    )


def normalise_identity(kind: IdentityType, value: str | None) -> str | None:
    """Return an identity number as it is stored.

    Args:
        kind: The paper it was taken from; a mainland ID card's checksum and birthday are verified (GB 11643).
        value: What was typed.

    Raises:
        PersonalValueError: The number is not possible for this paper.
    """
    text = re.sub(r"\s", "", value or "").upper()
    if not text:
        return None
    if kind == IdentityType.ID_CARD:
        try:
            return _id_card_number(text)
        except ValidationError as error:
            raise PersonalValueError(
                _l(
                    "This ID card number is not possible: check its 18 characters against the card, also the last one."
                ),
                "identity_number",
            ) from error
    if not re.fullmatch(r"[A-Z0-9()\-]{5,20}", text):
        raise PersonalValueError(
            _l("This document number must be 5 to 20 letters and digits."), "identity_number"
        )
    return text


def _id_card_number(text: str) -> str:
    """Check length, checksum and birthday (GB 11643) of an ID card number.

    The division code is left alone: it is that of the first registration, so that cards rightly carry districts that
    did not exist in the year of birth, which the check of the library refuses.
    """
    number = ric.compact(text)
    if not re.fullmatch(r"[1-9]\d{16}[\dX]", number) or number[-1] != ric.calc_check_digit(number):
        raise InvalidChecksum
    if ric.get_birth_date(number) > local_today():
        raise InvalidComponent
    return number


def normalise_credit_code(value: str | None) -> str | None:
    """Return a company's unified social credit code (GB 32100), 18 characters.

    Raises:
        PersonalValueError: The checksum does not fit.
    """
    text = re.sub(r"\s", "", value or "").upper()
    if not text:
        return None
    try:
        return str(uscc.validate(text))
    except ValidationError as error:
        raise PersonalValueError(
            _l(
                "This unified social credit code is not possible: check its 18 characters against the licence."
            ),
            "credit_code",
        ) from error


def identity_index(number: str) -> str:
    """Return the blind index of a normalised identity number, for equality search."""
    return blind_index(number, "identity_number")


def mask_phone(value: str | None) -> str:
    """Return 138****1234: three leading and four trailing characters stay."""
    if not value:
        return ""
    return f"{value[:3]}****{value[-4:]}" if len(value) >= 8 else "*" * len(value)


def mask_identity(value: str | None) -> str:
    """Return 4403**********1234: four leading and four trailing characters stay."""
    if not value:
        return ""
    return f"{value[:4]}{'*' * (len(value) - 8)}{value[-4:]}" if len(value) > 8 else "*" * len(value)


def mask_address(value: str | None) -> str:
    """Return the first six characters, which name the city and district, and stars."""
    if not value:
        return ""
    return value[:6] + "******" if len(value) > 6 else "******"


def mask_email(value: str | None) -> str:
    """Return l***@example.com: the first character and the domain stay."""
    if not value or "@" not in value:
        return ""
    local, _at, domain = value.partition("@")
    return f"{local[:1]}***@{domain}"


def mask_day(value: object) -> str:
    """Return the year of a birthday and stars."""
    return f"{str(value)[:4]}-**-**" if value else ""


def mask_contact(value: str | None) -> str:
    """Return a further contact masked as what it looks like: an e-mail, a telephone number, or other text."""
    if not value:
        return ""
    if "@" in value:
        return mask_email(value)
    if sum(character.isdigit() for character in value) >= 7:
        return mask_phone(value)
    return mask_address(value) if len(value) > 6 else f"{value[:1]}****"
