"""Contractors from Excel: the companies of the acting city company, known by credit code or name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    Importer,
    ImportField,
    ImportPlace,
    ImportRefused,
    ImportRow,
    MatchKey,
    _,
    _l,
    acting_city,
    db,
    listed,
    normalise_credit_code,
    parse_choice,
    parse_paragraph,
    parse_words,
)
from plugins.contractors import services
from plugins.contractors.models import Company, CompanyKind, Contact, Trade

_KINDS = {
    CompanyKind.GENERAL: ("总承包", "总包", "总承包单位", "general contractor"),
    CompanyKind.SPECIALIST: ("专业分包", "分包", "专业分包单位", "specialist"),
    CompanyKind.SUPPLIER: ("供货", "供应商", "供货单位", "supplier"),
}


def _trades(place: ImportPlace, texts: Collection[str]) -> Mapping[str, str]:
    """Return the codes of the trades that texts name, in any language or by code."""
    del place
    wanted = set(texts)
    found: dict[str, str] = {}
    for trade in db.session.scalars(sa.select(Trade).where(Trade.active)):
        for word in (trade.code, trade.name, trade.name_en):
            if word in wanted:
                found[word] = trade.code
    return found


class CompanyImporter(Importer):
    """Companies of the acting city company."""

    model = Company
    needed = (("name",), ("credit_code",))
    fields = (
        ImportField(
            "name", _l("Registered name"), ("单位名称", "公司名称", "企业名称", "承建单位", "名称", "company"),
            parse=parse_words(120), required=True, example="中建某局第一建设有限公司",
        ),
        ImportField("short_name", _l("Short name"), ("简称", "单位简称"), parse=parse_words(30), example="中建一建"),
        ImportField(
            "kind", _l("Kind of company"), ("单位类型", "类型", "类别"), parse=parse_choice(_KINDS),
            example="专业分包", choices=tuple(words[0] for words in _KINDS.values()),
        ),
        ImportField(
            "credit_code", _l("Credit code"), ("统一社会信用代码", "信用代码", "营业执照号"),
            parse=normalise_credit_code, example="91440300708461136T",
        ),
        ImportField(
            "trades", _l("Trades"), ("工种", "专业", "承包范围", "trades"), parse=parse_words(255), lookup=_trades,
            many=True, example="防水、门窗", help=_l("Names or codes of the catalogue, parted by 、"),
        ),
        ImportField(
            "warranty_phone", _l("Warranty telephone"), ("保修电话", "联系电话", "电话"), parse=parse_words(30),
            example="0755-26712345",
        ),
        ImportField("address", _l("Address"), ("地址", "单位地址"), parse=parse_words(255)),
        ImportField("note", _l("Note"), ("备注", "说明"), parse=parse_paragraph(2_000), wide=True),
    )  # fmt: skip
    match_keys = (
        MatchKey("credit_code", _l("Credit code, else name"), ("credit_code",)),
        MatchKey("name", _l("Registered name"), ("name",)),
    )

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Companies belong to a city company: somebody who acts above it has to choose one first."""
        if acting_city() is None:
            raise ImportRefused(
                _("Contractors belong to a city company. Switch to one at the top of the page first.")
            )

    def key_of(self, place: ImportPlace, row: ImportRow) -> str:
        """Return the credit code, else the name."""
        if place.match == "credit_code" and row.values.get("credit_code"):
            return str(row.values["credit_code"])
        return str(row.values.get("name") or "")

    def find(self, place: ImportPlace, rows: Sequence[ImportRow]) -> Sequence[Company | None]:
        """Return the company of each row in the acting city company, by credit code or by name."""
        city = acting_city()
        names = {row.values["name"] for row in rows if row.values.get("name")}
        codes = {row.values["credit_code"] for row in rows if row.values.get("credit_code")}
        known = db.session.scalars(
            sa.select(Company).where(
                Company.department_id == (city.id if city else None),
                sa.or_(Company.name.in_(names), Company.credit_code.in_(codes)),
            )
        ).all()
        by_code = {company.credit_code: company for company in known if company.credit_code}
        by_name = {company.name: company for company in known}
        found = []
        for row in rows:
            code = row.values.get("credit_code")
            company = by_code.get(code) if code and place.match == "credit_code" else None
            found.append(company or by_name.get(row.values.get("name", "")))
        return found

    def current(self, record: Company) -> Mapping[str, Any]:
        """Return what is known of a company."""
        held = {each.name: getattr(record, each.name) for each in self.fields if each.name != "trades"}
        return {**held, "trades": sorted(trade.code for trade in record.trades)}

    def words(self, name: str, value: Any) -> str:
        """Return the words of the kind and of the trades."""
        if name == "kind" and value:
            return _KINDS[CompanyKind(value)][0]
        if name == "trades" and value:
            names = {trade.code: trade.label for trade in services.active_trades()}
            return listed(names.get(code, code) for code in value)
        return super().words(name, value)

    def create(self, place: ImportPlace, rows: Sequence[ImportRow]) -> Sequence[int]:
        """Register the companies."""
        city = acting_city()
        if city is None:
            raise ImportRefused(
                _("Contractors belong to a city company. Switch to one at the top of the page first.")
            )
        made = []
        for row in rows:
            values = dict(row.values)
            trades = _loaded(values.pop("trades", ()))
            made.append(services.register_company(department=city, trades=trades, **values).id)
        return made

    def change(self, place: ImportPlace, record: Company, values: Mapping[str, Any]) -> None:
        """Change a company."""
        held = dict(values)
        trades = _loaded(held.pop("trades")) if "trades" in held else None
        services.change_company(record, trades=trades, **held)

    def remove(self, place: ImportPlace, record: Company) -> None:
        """Remove a company that nothing refers to yet."""
        if db.session.scalar(sa.select(sa.func.count(Contact.id)).where(Contact.company_id == record.id)):
            raise ImportRefused(_("“%(name)s” has contacts by now, so it stays.", name=record.name))
        super().remove(place, record)


def _loaded(codes: Collection[str]) -> list[Trade]:
    return list(db.session.scalars(sa.select(Trade).where(Trade.code.in_(list(codes or ())))))
