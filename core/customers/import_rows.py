"""The rows of an Excel file with units and owners: their heads, and what is right or wrong with each by itself."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from flask_babel import lazy_gettext as _l

from core.customers import identity
from core.customers.models import CustomerKind, IdentityType
from core.languages import sentence_of
from core.machinery.exchange.importer import RowError
from core.machinery.exchange.parsers import day as read_day
from core.projects.services import normalise_unit_text, unit_code

SYNONYMS: Mapping[str, Sequence[str]] = {
    "location": (
        "房源",
        "房源名称",
        "房源信息",
        "房屋",
        "房屋名称",
        "房屋坐落",
        "坐落",
        "房间",
        "房间名称",
        "房产",
        "楼栋房号",
        "unit",
    ),
    "building": ("楼栋", "栋号", "楼号", "幢号", "座号", "楼栋号", "楼幢", "栋", "幢", "楼", "building"),
    "entrance": ("单元", "单元号", "门", "门号", "entrance"),
    "number": ("房号", "室号", "房间号", "门牌号", "室", "户号", "room", "room number"),
    "floor": ("楼层", "层", "所在楼层", "floor"),
    "layout": ("户型", "房型", "户型结构", "layout"),
    "orientation": ("朝向", "orientation"),
    "gross_area_contract": (
        "面积",
        "建筑面积",
        "建面",
        "合同面积",
        "合同建筑面积",
        "预测建筑面积",
        "销售面积",
        "gross area",
        "area",
    ),
    "net_area": ("套内面积", "套内建筑面积", "使用面积", "net area"),
    "price": ("总价", "房款", "成交价", "成交总价", "合同总价", "合同金额", "price"),
    "owner": (
        "业主",
        "业主姓名",
        "姓名",
        "买受人",
        "客户",
        "客户姓名",
        "客户名称",
        "购房人",
        "权利人",
        "owner",
        "name",
    ),
    "phone": (
        "电话",
        "手机",
        "手机号",
        "手机号码",
        "联系电话",
        "联系方式",
        "电话号码",
        "业主电话",
        "移动电话",
        "phone",
        "mobile",
    ),
    "identity_number": (
        "证件号",
        "证件号码",
        "身份证",
        "身份证号",
        "身份证号码",
        "证件编号",
        "身份证/统一社会信用代码",
        "id number",
    ),
    "subscribed_on": ("认购日期", "认购时间"),
    "signed_on": ("签约日期", "签约时间", "合同日期", "签订日期"),
    "contract_number": ("合同号", "合同编号", "备案号"),
    "contract_delivery_on": ("交付日期", "交房日期", "合同交付日期", "合同交房日期"),
}
"""Heads as developers write them, by field."""

NEEDED = (("building", "number"), ("location",), ("number", "owner"))
FILLED_DOWN = ("building", "entrance")
_SEPARATORS = re.compile(r"[、，,;；/\n|]+")
_COMPANY = re.compile(r"(公司|集团|企业|合作社|事务所|研究院|委员会|工厂|银行|商行|学校|医院|厂|中心|部)$")
_ID_CARD = re.compile(r"\d{17}[\dX]|\d{15}")
_CREDIT_CODE = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-Z]{10}")
_CHINESE_DIGITS = {
    "一": "1",
    "二": "2",
    "三": "3",
    "四": "4",
    "五": "5",
    "六": "6",
    "七": "7",
    "八": "8",
    "九": "9",
    "十": "10",
}
_LOCATION = re.compile(r"[0-9A-Za-z]{1,12}(-[0-9A-Za-z]{1,12}){1,2}")


@dataclass(frozen=True)
class OwnerInput:
    """An owner as the file has him, checked and normalised."""

    name: str
    kind: str
    phone: str | None = None
    identity_type: str | None = None
    identity_number: str | None = None
    credit_code: str | None = None


@dataclass
class RowInput:
    """A row of the file, checked by itself.

    Attributes:
        sheet: Name of the sheet.
        row: Number of the row in it.
        typed: The texts of the row by field, for the file of bad rows.
        building: Code of the building.
        entrance: Entrance, or "".
        number: Room number.
        values: Further values of the unit as text: areas, layout, dates in ISO form.
        owners: The owners.
        purchase: Dates and number of the contract as text.
        errors: What is wrong.
    """

    sheet: str
    row: int
    typed: dict[str, str]
    building: str = ""
    entrance: str = ""
    number: str = ""
    values: dict[str, str] = field(default_factory=dict)
    owners: list[OwnerInput] = field(default_factory=list)
    purchase: dict[str, str] = field(default_factory=dict)
    errors: list[RowError] = field(default_factory=list)

    @property
    def code(self) -> str:
        """The unit's code, "" when it could not be read."""
        return unit_code(self.building, self.entrance, self.number) if self.number else ""

    @property
    def place_column(self) -> str:
        """The field from which the place of the unit was read."""
        return "location" if "location" in self.typed else "number"


def read_row(sheet: str, number: int, texts: Mapping[str, str], inexact: frozenset[str]) -> RowInput:
    """Check a row by itself, without looking into the database.

    Args:
        sheet: Name of its sheet.
        number: Its number in the sheet.
        texts: Its texts by field.
        inexact: Fields whose number Excel has lost the end of.
    """
    found = RowInput(sheet, number, dict(texts))
    _read_place(found)
    _read_values(found)
    _read_owners(found, "identity_number" in inexact)
    return found


def take_from_above(texts: dict[str, str], above: dict[str, str]) -> None:
    """Fill in building and entrance where they are written only in the first row of a building.

    Args:
        texts: The texts of the row, changed in place.
        above: What the rows above left, changed in place.
    """
    if "location" in texts or _is_location(texts):
        return
    if not texts.get("building") and above.get("building"):
        texts["building"] = above["building"]
        texts["entrance"] = texts.get("entrance") or above.get("entrance", "")
    above.clear()
    above.update(building=texts.get("building", ""), entrance=texts.get("entrance", ""))


def _is_location(texts: Mapping[str, str]) -> bool:
    number = normalise_unit_text(_plain(texts.get("number", "")))
    return not texts.get("building") and bool(_LOCATION.fullmatch(number))


def _plain(text: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def _part(text: str, endings: str) -> str:
    text = re.sub(rf"(?:{endings})$", "", _plain(text))
    return _CHINESE_DIGITS.get(text, text)


def _read_place(found: RowInput) -> None:
    texts = found.typed
    building = _part(texts.get("building", ""), "栋|幢|座|号楼|#楼|#|楼")
    entrance = _part(texts.get("entrance", ""), "单元|门")
    number = _part(texts.get("number", ""), "室|房|号")
    location = texts.get("location", "")
    if not location and _is_location(texts):
        location = texts.get("number", "")
    if location or "location" in texts:
        parts = _LOCATION.fullmatch(normalise_unit_text(_plain(location)))
        if parts is None:
            found.errors.append(
                RowError(
                    found.place_column,
                    "location_unreadable",
                    _l(
                        "Building, entrance and room cannot be read from this text. Write it like 3栋1单元1502 or "
                        "3-1-1502."
                    ),
                )
            )
            return
        pieces = parts[0].split("-")
        found.building, found.number = pieces[0], pieces[-1]
        found.entrance = pieces[1] if len(pieces) == 3 else ""
        return
    found.building, found.entrance, found.number = building, entrance, number
    if not building:
        found.errors.append(
            RowError(
                "building", "building_missing", _l("The building is missing. Write it into the column 楼栋.")
            )
        )
    if not number:
        found.errors.append(RowError("number", "number_missing", _l("The room number is missing.")))
    elif not re.fullmatch(r"[0-9A-Za-z一-鿿]{1,12}", number):
        found.errors.append(
            RowError(
                "number",
                "location_unreadable",
                _l("The room number must be up to 12 letters or digits, like 1502."),
            )
        )


def _read_values(found: RowInput) -> None:
    for name in ("layout", "orientation"):
        text = found.typed.get(name, "")
        if text:
            found.values[name] = text[:40] if name == "layout" else text[:20]
    for name in ("gross_area_contract", "net_area"):
        _read_area(found, name, found.typed.get(name, ""))
    _read_price(found, found.typed.get("price", ""))
    if found.typed.get("floor", ""):
        floor = re.fullmatch(r"(-?\d{1,3})(?:层|楼|F)?", _plain(found.typed.get("floor", "")))
        if floor is None:
            found.errors.append(RowError("floor", "floor_invalid", _l("The floor is not a whole number.")))
        else:
            found.values["floor"] = floor[1]
    for name in ("subscribed_on", "signed_on", "contract_delivery_on"):
        _read_day(found, name, found.typed.get(name, ""))
    if found.typed.get("contract_number", ""):
        found.purchase["contract_number"] = found.typed.get("contract_number", "")[:60]


def _read_area(found: RowInput, name: str, text: str) -> None:
    if not text:
        return
    number = _number(re.sub(r"(平方米|平米|m2|㎡|平)$", "", _plain(text), flags=re.IGNORECASE))
    if number is None:
        found.errors.append(
            RowError(
                name, "area_not_a_number", _l("The area is not a number. Write square metres like 118.20.")
            )
        )
    elif number <= 0:
        found.errors.append(RowError(name, "area_not_positive", _l("The area must be larger than 0.")))
    elif not 1 <= number <= 5000:
        found.errors.append(
            RowError(name, "area_out_of_range", _l("The area must lie between 1 and 5,000 square metres."))
        )
    else:
        found.values[name] = str(number.quantize(Decimal("0.01")))
    gross, net = found.values.get("gross_area_contract"), found.values.get("net_area")
    if name == "net_area" and gross and net and Decimal(net) > Decimal(gross):
        found.errors.append(
            RowError(name, "net_area_too_large", _l("The net area is larger than the gross area."))
        )


def _read_price(found: RowInput, text: str) -> None:
    if not text:
        return
    number = _number(re.sub(r"^[¥￥]|元$", "", _plain(text)))
    if number is None or not 0 <= number < Decimal(10) ** 11:
        found.errors.append(
            RowError(
                "price", "price_invalid", _l("The price is not an amount in yuan. Write it like 2580000.")
            )
        )
    else:
        found.values["price"] = str(number.quantize(Decimal("0.01")))


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < Decimal(10) ** 15 else None


def _read_day(found: RowInput, name: str, text: str) -> None:
    if not text:
        return
    try:
        day = read_day(text)
        if not 1990 <= day.year <= 2100:
            raise ValueError(text)
    except ValueError:
        found.errors.append(
            RowError(name, "date_invalid", _l("This is not a date. Write it like 2026-11-23."))
        )
        return
    if name == "contract_delivery_on":
        found.values[name] = day.isoformat()
    else:
        found.purchase[name] = day.isoformat()


def _pieces(text: str) -> list[str]:
    return [piece for part in _SEPARATORS.split(text) if (piece := " ".join(part.split()))]


def _read_owners(found: RowInput, is_inexact: bool) -> None:
    texts = found.typed
    names = _pieces(texts.get("owner", ""))
    phones = _pieces(unicodedata.normalize("NFKC", texts.get("phone", "")).replace("，", ","))
    numbers = [
        re.sub(r"\s", "", piece).upper()
        for piece in _pieces(unicodedata.normalize("NFKC", texts.get("identity_number", "")))
    ]
    if not names:
        if phones or numbers:
            found.errors.append(
                RowError(
                    "owner",
                    "owner_missing",
                    _l("There is a telephone or document number, but no owner's name."),
                )
            )
        return
    if phones and len(phones) != len(names):
        found.errors.append(
            RowError(
                "phone",
                "owners_phones_mismatch",
                _l(
                    "There are %(owners)s owners, but %(phones)s telephone numbers. Write as many, in the same order.",
                    owners=len(names),
                    phones=len(phones),
                ),
            )
        )
    if numbers and len(numbers) != len(names):
        found.errors.append(
            RowError(
                "identity_number",
                "owners_identities_mismatch",
                _l(
                    "There are %(owners)s owners, but %(numbers)s document numbers. Write as many, in the same order.",
                    owners=len(names),
                    numbers=len(numbers),
                ),
            )
        )
    if is_inexact:
        found.errors.append(
            RowError(
                "identity_number",
                "id_number_precision_lost",
                _l(
                    "Excel kept this number as a number and lost its last digits. Format the column as text and "
                    "type it again."
                ),
            )
        )
    if any(error.column in ("phone", "identity_number") for error in found.errors):
        return
    for position, name in enumerate(names):
        owner = _read_owner(
            found, name, phones[position] if phones else None, numbers[position] if numbers else None
        )
        if owner is not None:
            found.owners.append(owner)


def _read_owner(found: RowInput, name: str, phone: str | None, number: str | None) -> OwnerInput | None:
    if len(name) > 120:
        found.errors.append(
            RowError("owner", "owner_too_long", _l("The owner's name is longer than 120 characters."))
        )
        return None
    is_company = bool(_COMPANY.search(name)) or bool(
        number and not _ID_CARD.fullmatch(number) and _CREDIT_CODE.fullmatch(number)
    )
    try:
        normalised = identity.normalise_phone(phone)
    except identity.PersonalValueError:
        found.errors.append(
            RowError(
                "phone",
                "phone_invalid",
                _l("The telephone number is not possible: a mainland mobile has eleven digits."),
            )
        )
        normalised = None
    if is_company:
        try:
            credit_code = identity.normalise_credit_code(number)
        except identity.PersonalValueError as error:
            found.errors.append(RowError("identity_number", "credit_code_invalid", sentence_of(error)))
            credit_code = None
        return OwnerInput(name, CustomerKind.COMPANY.value, normalised, credit_code=credit_code)
    if not number:
        return OwnerInput(name, CustomerKind.PERSON.value, normalised)
    kind = _identity_type(number)
    try:
        checked = identity.normalise_identity(kind, number)
    except identity.PersonalValueError as error:
        found.errors.append(RowError("identity_number", "id_number_invalid", sentence_of(error)))
        return None
    return OwnerInput(name, CustomerKind.PERSON.value, normalised, kind.value, checked)


def _identity_type(number: str) -> IdentityType:
    if len(re.sub(r"\D", "", number)) >= 14:
        return IdentityType.ID_CARD
    if re.fullmatch(r"[HM]\d{8}(\d{2})?", number):
        return IdentityType.HONG_KONG_MACAO_PERMIT
    if re.fullmatch(r"\d{8}", number):
        return IdentityType.TAIWAN_PERMIT
    return IdentityType.PASSPORT if re.fullmatch(r"[A-Z]{1,2}\d{7,8}", number) else IdentityType.OTHER
