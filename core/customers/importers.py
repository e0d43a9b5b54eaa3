"""Customers from Excel: people and companies of one project, known by telephone, document number or name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.customers import identity, services, words
from core.customers.models import Customer, CustomerKind, CustomerProject, IdentityType
from core.extensions import db
from core.languages import sentence_of
from core.machinery.exchange.importer import (
    Importer,
    ImportField,
    ImportPlace,
    ImportRefused,
    ImportRow,
    MatchKey,
    RowError,
    plain_words,
)
from core.machinery.exchange.parsers import choice, day, half_width, paragraph
from core.machinery.exchange.parsers import words as line
from core.projects.references import OPEN_PROJECTS

_AT_ONCE = 400
_PROJECT = "project"
_IDENTITY_WORDS = {
    IdentityType.ID_CARD: ("身份证", "居民身份证", "ID card"),
    IdentityType.PASSPORT: ("护照", "passport"),
    IdentityType.HONG_KONG_MACAO_PERMIT: (
        "港澳通行证",
        "港澳居民来往内地通行证",
        "回乡证",
        "Hong Kong and Macao permit",
    ),
    IdentityType.TAIWAN_PERMIT: ("台胞证", "台湾居民来往大陆通行证", "Taiwan permit"),
    IdentityType.OTHER: ("其他", "其它", "other"),
}
_KIND_WORDS = {
    CustomerKind.PERSON: ("个人", "自然人", "person"),
    CustomerKind.COMPANY: ("企业", "公司", "单位", "company"),
}


def _email(text: str) -> str:
    found = half_width(text)
    if len(found) > 254 or not _looks_like_email(found):
        raise ValueError(_l("This e-mail address is not possible. Write it like name@example.com."))
    return found


def _looks_like_email(text: str) -> bool:
    local, at, domain = text.partition("@")
    return bool(local and at and "." in domain and not domain.startswith(".") and "@" not in domain)


def _raw(text: str) -> str:
    return half_width(text).upper()


def _phone_and_name(row: ImportRow) -> str:
    phone, name = row.values.get("phone"), row.values.get("name")
    return f"{phone}\0{name}" if phone and name else ""


class CustomerImporter(Importer):
    """Customers of one project."""

    model = Customer
    project = OPEN_PROJECTS
    needed = (("name",), ("phone",), ("identity_number",))
    fields = (
        ImportField(
            "name", _l("Name"),
            ("姓名", "客户", "客户姓名", "客户名称", "业主", "业主姓名", "买受人", "购房人", "customer"),
            parse=line(120), required=True, example="张伟", mask=None,
        ),
        ImportField(
            "kind", _l("Person or company"), ("类型", "客户类型", "客户性质", "type", "kind"),
            parse=choice(_KIND_WORDS), example="个人", choices=("个人", "企业"),
            help=_l("A person when it is left out; a company when there is a credit code."),
        ),
        ImportField(
            "phone", _l("Telephone"),
            ("电话", "手机", "手机号", "手机号码", "联系电话", "联系方式", "电话号码", "移动电话", "mobile", "phone"),
            parse=identity.normalise_phone, example="13800138000", mask=identity.mask_phone,
        ),
        ImportField(
            "identity_type", _l("Kind of document"), ("证件类型", "证件种类", "document type"),
            parse=choice(_IDENTITY_WORDS), example="身份证",
            choices=tuple(said[0] for said in _IDENTITY_WORDS.values()),
            help=_l("An ID card when it is left out."),
        ),
        ImportField(
            "identity_number", _l("Document number"),
            ("证件号", "证件号码", "身份证", "身份证号", "身份证号码", "证件编号", "id number"),
            parse=_raw, example="11010519491231002X", mask=identity.mask_identity,
            help=_l("Format the column as text in Excel, otherwise it loses the last digits."),
        ),
        ImportField(
            "credit_code", _l("Company code"), ("统一社会信用代码", "信用代码", "credit code"),
            parse=identity.normalise_credit_code, example="91440300708461136T",
        ),
        ImportField(
            "email", _l("E-mail"), ("邮箱", "电子邮箱", "电子邮件", "email", "e-mail"), parse=_email,
            example="zhang@example.com", mask=identity.mask_email,
        ),
        ImportField(
            "born_on", _l("Date of birth"), ("出生日期", "生日", "birthday"), parse=day, example="1980-05-17",
            mask=identity.mask_day,
        ),
        ImportField(
            "address", _l("Postal address"), ("地址", "通讯地址", "联系地址", "address"), parse=line(255),
            example="深圳市南山区科技园路1号", mask=identity.mask_address,
        ),
        ImportField(
            "source", _l("Source"),
            ("来源", "客户来源", "渠道", "渠道来源", "来源渠道", "获知途径", "source"), parse=line(40), example="来访",
        ),
        ImportField("note", _l("Note"), ("备注", "说明", "note", "remark"), parse=paragraph(2_000), wide=True),
    )  # fmt: skip
    match_keys = (
        MatchKey("identity_number", _l("Document number, else telephone and name"), ("identity_number",)),
        MatchKey("phone", _l("Telephone"), ("phone",)),
        MatchKey("phone_and_name", _l("Telephone and name"), ("phone", "name")),
    )
    notes = (
        _l(
            "A customer whom only other projects know is a new one here: nothing about others is told or changed."
        ),
    )

    def parse(self, row: ImportRow) -> None:
        """Read the cells; what the document number must look like depends on the kind of document."""
        super().parse(row)
        number = row.values.get("identity_number")
        if number:
            kind = IdentityType(row.values.get("identity_type") or IdentityType.ID_CARD)
            try:
                row.values["identity_number"] = identity.normalise_identity(kind, number)
                row.values["identity_type"] = kind.value
            except identity.PersonalValueError as error:
                row.errors.append(RowError("identity_number", "id_number_invalid", sentence_of(error)))
        else:
            row.values.pop("identity_type", None)

    def key_of(self, place: ImportPlace, row: ImportRow) -> str:
        """Return what names a customer within a file: the document number, else telephone and name."""
        if place.match != "identity_number" or row.values.get("identity_number"):
            return super().key_of(place, row)
        return _phone_and_name(row)

    def other_key_of(self, place: ImportPlace, row: ImportRow) -> str:
        """Return telephone and name of a row with a document number, so that one without it is known by them."""
        by_number = place.match == "identity_number" and row.values.get("identity_number")
        return _phone_and_name(row) if by_number else ""

    def duplicate_error(self, place: ImportPlace, row: ImportRow, sheet: str, number: int) -> RowError:
        """Name the column by which the earlier row is the same."""
        error = super().duplicate_error(place, row, sheet, number)
        by_number = place.match == "identity_number" and row.values.get("identity_number")
        return RowError("identity_number" if by_number else "phone", error.code, error.reason)

    def find(self, place: ImportPlace, rows: Sequence[ImportRow]) -> Sequence[Customer | None]:
        """Return the visible customer of each row; merged and erased ones are not found."""
        by_phone: dict[str, list[Customer]] = {}
        by_number: dict[str, Customer] = {}
        if place.match == "identity_number":
            for customer in _found_by(Customer.identity_index, _indexes(rows)):
                by_number.setdefault(customer.identity_index or "", customer)
        phones = [row.values["phone"] for row in rows if row.values.get("phone")]
        for customer in _found_by(Customer.phone, phones):
            by_phone.setdefault(customer.phone or "", []).append(customer)
        if place.match == "phone":
            place.cache["ambiguous"] = {phone for phone, found in by_phone.items() if len(found) > 1}
        found = [self._meant(place, row, by_number, by_phone) for row in rows]
        place.cache["linked"] = _linked(place, [customer.id for customer in found if customer is not None])
        return found

    @staticmethod
    def _meant(
        place: ImportPlace,
        row: ImportRow,
        by_number: Mapping[str, Customer],
        by_phone: Mapping[str, Sequence[Customer]],
    ) -> Customer | None:
        number = row.values.get("identity_number")
        if place.match == "identity_number" and number:
            found = by_number.get(identity.identity_index(number))
            if found is not None:
                return found
        same_phone = by_phone.get(row.values.get("phone") or "", ())
        if place.match == "phone":
            return same_phone[0] if len(same_phone) == 1 else None
        named = [customer for customer in same_phone if customer.name == row.values.get("name")]
        if place.match == "identity_number" and number:
            named = [customer for customer in named if customer.identity_number is None]
        return named[0] if len(named) == 1 else None

    def check(self, place: ImportPlace, row: ImportRow, record: Any | None) -> Sequence[RowError]:
        """Refuse a telephone that several visible customers share, and a row that tells nobody."""
        if record is None and row.values.get("phone") in place.cache.get("ambiguous", ()):
            return [
                RowError(
                    "phone",
                    "ambiguous",
                    _l(
                        "Several customers have this telephone number. Let rows be known by telephone and name "
                        "instead."
                    ),
                )
            ]
        return ()

    def current(self, record: Any) -> Mapping[str, Any]:
        """Return the values of a customer."""
        return {each.name: getattr(record, each.name) for each in self.fields}

    def changes(self, place: ImportPlace, record: Any, row: ImportRow) -> list[tuple[str, Any, Any]]:
        """Return what differs, and the project when the customer is not linked to it yet."""
        found = super().changes(place, record, row)
        if record.id not in place.cache["linked"]:
            found.append((_PROJECT, None, place.project.name))
        return found

    def labels(self) -> dict[str, Any]:
        """Return the words of the columns, and of the link to the project."""
        return {**super().labels(), _PROJECT: _l("Project")}

    def words(self, name: str, value: Any) -> str:
        """Return the words of choices."""
        found = {"kind": words.KINDS, "identity_type": words.IDENTITY_TYPES}.get(name, ())
        return str(dict(found).get(value, "")) or plain_words(value)

    def create(self, place: ImportPlace, rows: Sequence[ImportRow]) -> Sequence[int]:
        """Register the customers."""
        prepared = []
        for row in rows:
            values = {name: value for name, value in row.values.items() if value is not None}
            if "kind" not in values and values.get("credit_code"):
                values["kind"] = CustomerKind.COMPANY.value
            prepared.append(values)
        return services.register_customers(place.project, prepared, source="import")

    def change(self, place: ImportPlace, record: Any, values: Mapping[str, Any]) -> None:
        """Change a customer, and link him to the project; taking that back unlinks him."""
        held = dict(values)
        if _PROJECT in held:
            if held.pop(_PROJECT) is not None:
                services.link_project(record, place.project, source="import")
            else:
                services.unlink_project(record, place.project)
        if not held:
            return
        if "identity_number" in held and "identity_type" not in held and held["identity_number"]:
            held["identity_type"] = record.identity_type or IdentityType.ID_CARD
        for name in ("name", "address", "source", "note"):
            if name in held and held[name] is None:
                held[name] = ""
        services.change_customer(record, **held)

    def remove(self, place: ImportPlace, record: Any) -> None:
        """Remove a customer of whom nothing more is known."""
        try:
            services.remove_registration(record)
        except services.CustomerRuleError as error:
            raise ImportRefused(str(error)) from error


def _linked(place: ImportPlace, keys: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for start in range(0, len(keys), _AT_ONCE):
        found.update(
            db.session.scalars(
                sa.select(CustomerProject.customer_id).where(
                    CustomerProject.project_id == place.project.id,
                    CustomerProject.customer_id.in_(keys[start : start + _AT_ONCE]),
                )
            )
        )
    return found


def _indexes(rows: Sequence[ImportRow]) -> list[str]:
    numbers = (row.values.get("identity_number") for row in rows)
    return [identity.identity_index(number) for number in numbers if number]


def _found_by(column: Any, values: Sequence[str]) -> list[Customer]:
    found: list[Customer] = []
    wanted = sorted(set(values))
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        # Who was merged or erased is left out here, and the rest is sorted here: asked for either, SQLite walks through
        # all customers instead of looking up the few that are meant.
        known = db.session.scalars(sa.select(Customer).where(column.in_(part)))
        found += [each for each in known if each.merged_into_id is None and each.erased_at is None]
    found.sort(key=lambda customer: customer.id)
    return found
