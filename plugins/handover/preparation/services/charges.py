"""Fees by rule, and how an area difference is settled and becomes a fee."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import sqlalchemy as sa

from core.toolkit import Project, Unit, _, db, in_language, setting, utc_now
from plugins.handover import catalogue
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import FeeItem, FeeKind, HandoverUnit, KeysState
from plugins.handover.preparation.areas import CENT, AreaResult, AreaTerms, settle
from plugins.handover.preparation.models import AreaSettlement, FeeMethod, FeeRule
from plugins.handover.preparation.workflows import AREA

COMPUTED = ("draft", "disputed")
"""States in which a settlement may be computed anew."""


@dataclass(frozen=True)
class FeeLine:
    """A line of the fee list of a house.

    Attributes:
        kind: What is paid for.
        rule: The rule that it comes from; None for the area difference.
        basis: How the amount comes about, in figures.
        amount: In yuan, negative for what the owner gets back; None for a line of words alone.
    """

    kind: FeeKind
    rule: FeeRule | None
    basis: str
    amount: Decimal | None


# Rules


def rules_of(project_id: int) -> Sequence[FeeRule]:
    """Return the rules of a project that are in use, in the order of the fee list."""
    return db.session.scalars(
        sa.select(FeeRule)
        .where(FeeRule.project_id == project_id, FeeRule.active.is_(True))
        .order_by(FeeRule.position, FeeRule.id)
    ).all()


def load_standard_rules(project: Project) -> int:
    """Give a project the usual rules to start from; returns how many. One that has rules keeps them.

    Raises:
        HandoverRuleError: The project has rules already.

    Source: domain reference 3.3.3 (fees); the rates are examples that each project replaces.
    """
    if db.session.scalar(sa.select(FeeRule.id).where(FeeRule.project_id == project.id).limit(1)) is not None:
        raise HandoverRuleError(
            _(
                "%(project)s has rules of fees already. Change those.",
                project=in_language(project.name, project.name_en),
            )
        )
    rows = [
        FeeRule(
            project_id=project.id,
            kind=FeeKind(row["kind"]),
            title=row.get("title", {}).get("zh", ""),
            title_en=row.get("title", {}).get("en", ""),
            method=FeeMethod(row["method"]),
            rate=Decimal(row["rate"]) if "rate" in row else None,
            months=row.get("months", 1),
            decoration=row.get("decoration", "both"),
            floors_from=row.get("floors_from"),
            floors_to=row.get("floors_to"),
            note=row.get("note", {}).get("zh", ""),
            note_en=row.get("note", {}).get("en", ""),
            position=position * 10,
        )
        for position, row in enumerate(catalogue.reference("fee_rules")["rules"], start=1)
    ]
    db.session.add_all(rows)
    db.session.flush()
    return len(rows)


def check_rule(values: Mapping[str, Any]) -> None:
    """Refuse a rule that could not be computed.

    Args:
        values: Attributes of :class:`FeeRule`.

    Raises:
        HandoverRuleError: Rate or words are missing, or months or storeys are impossible.
    """
    method = FeeMethod(values["method"])
    if method == FeeMethod.TEXT:
        if not str(values.get("note") or "").strip():
            raise HandoverRuleError(_("Write what stands on the fee list instead of an amount."))
    elif values.get("rate") is None or values["rate"] <= 0:
        raise HandoverRuleError(_("Write the rate in yuan, above 0."))
    if method == FeeMethod.PER_AREA_MONTH and not 1 <= (values.get("months") or 0) <= 60:
        raise HandoverRuleError(_("Write for how many months is paid, from 1 to 60."))
    low, high = values.get("floors_from"), values.get("floors_to")
    if low is not None and high is not None and low > high:
        raise HandoverRuleError(_("The lowest number of storeys is above the highest one."))


def applies(rule: FeeRule, unit: Unit) -> bool:
    """Return whether a rule is for a house: its delivery standard and the height of its building."""
    if rule.decoration not in ("both", str(unit.decoration)):
        return False
    floors = unit.building.total_floors
    if rule.floors_from is None and rule.floors_to is None:
        return True
    return (
        floors is not None
        and (rule.floors_from is None or floors >= rule.floors_from)
        and (rule.floors_to is None or floors <= rule.floors_to)
    )


def line_of(rule: FeeRule, unit: Unit) -> FeeLine | None:
    """Return what a rule means for a house; None when it needs the area and none is known."""
    kind = FeeKind(rule.kind)
    if rule.method == FeeMethod.TEXT or rule.rate is None:
        return FeeLine(kind, rule, "", None)
    if rule.method == FeeMethod.FIXED:
        return FeeLine(kind, rule, "", rule.rate)
    area = unit.gross_area_measured or unit.gross_area_contract
    if area is None:
        return None
    basis, amount = f"{area} m² × ¥{rule.rate}", area * rule.rate
    if rule.method == FeeMethod.PER_AREA_MONTH:
        basis, amount = f"{basis} × {rule.months}", amount * rule.months
    return FeeLine(kind, rule, basis, amount.quantize(CENT, ROUND_HALF_UP))


def fee_lines(place: HandoverUnit, rules: Sequence[FeeRule] | None = None) -> list[FeeLine]:
    """Return the fee list of a house as the rules say, the area difference first; nothing is written.

    Args:
        place: The house in its batch.
        rules: The rules of its project, when they were read already.
    """
    lines = []
    result = expected_area(place)
    if result is not None and result.amount:
        lines.append(FeeLine(FeeKind.AREA_DIFFERENCE, None, area_basis(result), result.amount))
    for rule in rules_of(place.project_id) if rules is None else rules:
        if applies(rule, place.unit):
            line = line_of(rule, place.unit)
            if line is not None:
                lines.append(line)
    return lines


def charge(place: HandoverUnit, rules: Sequence[FeeRule] | None = None) -> list[FeeItem]:
    """Enter the fees of a house as the rules say. What is paid or exempt stays, and so does what was entered by hand.

    Args:
        place: The house in its batch.
        rules: The rules of its project, when they were read already.

    Returns:
        The fees that were entered or changed.
    """
    from plugins.handover.services.fees import weigh_fees

    if place.keys_state == KeysState.HANDED:
        return []
    if can_compute_area(place) and _settlement_of(place) is None:
        compute_area(place)
    held = {fee.rule_id: fee for fee in place.fees if fee.rule_id is not None}
    touched = []
    by_hand = kinds_by_hand(place)
    for line in fee_lines(place, rules):
        if line.rule is None or line.amount is None or line.kind in by_hand:
            continue
        fee = held.get(line.rule.id)
        if fee is None:
            fee = FeeItem(
                project_id=place.project_id,
                handover_unit_id=place.id,
                kind=line.kind,
                rule_id=line.rule.id,
                amount=line.amount,
                basis=line.basis,
            )
            db.session.add(fee)
            touched.append(fee)
        elif not fee.is_settled and (fee.amount, fee.basis) != (line.amount, line.basis):
            fee.amount, fee.basis = line.amount, line.basis
            touched.append(fee)
    if touched:
        weigh_fees(place)
    return touched


def kinds_by_hand(place: HandoverUnit) -> set[FeeKind]:
    """Return what a house pays by an entry of somebody's own, so that no rule asks for the same once more.

    Several fees can be called "other", so that kind is never among them; the area difference has its settlement.

    Args:
        place: The house in its batch.
    """
    return {FeeKind(fee.kind) for fee in place.fees if fee.rule_id is None} - {
        FeeKind.OTHER,
        FeeKind.AREA_DIFFERENCE,
    }


def fees_to_come(place: HandoverUnit, rules: Sequence[FeeRule] | None = None) -> list[FeeLine]:
    """Return the fees of a house as they will stand when :func:`charge` has entered them; nothing is written.

    Args:
        place: The house in its batch.
        rules: The rules of its project, when they were read already.
    """
    rules = rules_of(place.project_id) if rules is None else rules
    known, held = {rule.id: rule for rule in rules}, list(place.fees)
    due: dict[int | None, FeeLine] = {}
    by_hand = kinds_by_hand(place)
    if place.keys_state != KeysState.HANDED:
        due = {
            line.rule.id: line
            for line in fee_lines(place, rules)
            if line.rule is not None and line.amount is not None and line.kind not in by_hand
        }
    lines = []
    for fee in held:
        computed = due.pop(fee.rule_id, None)
        if computed is None or fee.is_settled:
            computed = FeeLine(FeeKind(fee.kind), known.get(fee.rule_id or 0), fee.basis, fee.amount)
        lines.append(computed)
    coming = list(due.values())
    if place.keys_state != KeysState.HANDED and _settlement_of(place) is None:
        result = expected_area(place)
        if result is not None:
            area = [FeeLine(FeeKind.AREA_DIFFERENCE, None, area_basis(result), result.amount)]
            area = area if result.amount else []
            entered = next((i for i, fee in enumerate(held) if fee.kind == FeeKind.AREA_DIFFERENCE), None)
            if entered is None:
                coming = area + coming
            elif not held[entered].is_settled:
                lines[entered : entered + 1] = area
    return lines + coming


# Area settlement


def area_terms() -> AreaTerms:
    """Return how differences are settled in the acting department."""
    return AreaTerms(
        Decimal(setting("handover", "area_limit_percent")), int(setting("handover", "area_refund_factor"))
    )


def unit_price_of(unit: Unit) -> Decimal | None:
    """Return the contract price of a house in yuan a square metre, or None."""
    if unit.price is None or not unit.gross_area_contract:
        return None
    return (unit.price / unit.gross_area_contract).quantize(CENT, ROUND_HALF_UP)


def can_compute_area(place: HandoverUnit) -> bool:
    """Return whether everything is known that an area settlement needs."""
    return place.unit.gross_area_measured is not None and unit_price_of(place.unit) is not None


def _settlement_of(place: HandoverUnit) -> AreaSettlement | None:
    return db.session.scalar(sa.select(AreaSettlement).where(AreaSettlement.handover_unit_id == place.id))


def area_result(settlement: AreaSettlement) -> AreaResult:
    """Return difference, percentage and amount of a settlement, from what it stores."""
    terms = AreaTerms(settlement.limit_percent, settlement.refund_factor)
    return settle(settlement.contract_area, settlement.measured_area, settlement.unit_price, terms)


def expected_area(place: HandoverUnit) -> AreaResult | None:
    """Return the area difference of a house: as settled, else as it would be computed now; None when it is unknown."""
    held = _settlement_of(place)
    if held is not None:
        return area_result(held) if held.state != "rescinded" else None
    price = unit_price_of(place.unit)
    contract, measured = place.unit.gross_area_contract, place.unit.gross_area_measured
    if price is None or contract is None or measured is None:
        return None
    return settle(contract, measured, price, area_terms())


def area_basis(result: AreaResult) -> str:
    """Return how the amount of a difference comes about, in figures."""
    return f"{result.difference:+} m² ({result.percent:+}%)"


def compute_area(place: HandoverUnit) -> AreaSettlement:
    """Settle the area difference of a house as the contract and the survey say; it becomes a fee, or money back.

    Args:
        place: The house in its batch.

    Raises:
        HandoverRuleError: An area or the price is not known, or the owner has agreed to the settlement already.

    Source: 商品房销售管理办法 Art. 20 [LAW]; settings ``area_limit_percent`` and ``area_refund_factor``.
    """
    unit = place.unit
    price = unit_price_of(unit)
    if price is None or unit.gross_area_contract is None or unit.gross_area_measured is None:
        raise HandoverRuleError(
            _(
                "Enter contract area, measured area and price of %(unit)s on the page of the house first.",
                unit=unit.code,
            )
        )
    settlement = _settlement_of(place)
    if settlement is not None and settlement.state not in COMPUTED:
        raise HandoverRuleError(
            _("The area difference of %(unit)s is settled and does not change any more.", unit=unit.code)
        )
    terms = area_terms()
    if settlement is None:
        settlement = AreaSettlement(project_id=place.project_id, handover_unit_id=place.id)
        db.session.add(settlement)
    settlement.contract_area, settlement.measured_area = unit.gross_area_contract, unit.gross_area_measured
    settlement.unit_price = price
    settlement.limit_percent, settlement.refund_factor = terms.limit_percent, terms.refund_factor
    db.session.flush()
    _charge_area(settlement)
    return settlement


def _fee_of(settlement: AreaSettlement) -> FeeItem | None:
    return db.session.scalar(
        sa.select(FeeItem)
        .where(
            FeeItem.handover_unit_id == settlement.handover_unit_id,
            FeeItem.kind == FeeKind.AREA_DIFFERENCE,
        )
        .order_by(FeeItem.id)
        .limit(1)
    )


def _charge_area(settlement: AreaSettlement) -> None:
    from plugins.handover.services.fees import weigh_fees

    place, result = settlement.handover_unit, area_result(settlement)
    if place.keys_state == KeysState.HANDED:
        return
    fee = _fee_of(settlement)
    if fee is not None and fee.is_settled:
        return
    if fee is None and not result.amount:
        return
    if fee is None:
        fee = FeeItem(
            project_id=place.project_id,
            handover_unit_id=place.id,
            kind=FeeKind.AREA_DIFFERENCE,
            amount=result.amount,
        )
        db.session.add(fee)
    fee.amount, fee.basis = result.amount, area_basis(result)
    if not result.amount:
        db.session.delete(fee)
    weigh_fees(place)


def take_area_step(settlement: AreaSettlement, code: str, values: Mapping[str, Any]) -> None:
    """Carry out a step of a settlement; one that the owner rescinds takes its fee away.

    Args:
        settlement: The settlement.
        code: The transition.
        values: What its form asked for.
    """
    from plugins.handover.services.fees import weigh_fees

    given = dict(values)
    comment = str(given.pop("comment", "") or "")
    AREA.move(settlement, code, comment, **given)
    if code == "agree":
        settlement.agreed_at = utc_now()
        if not area_result(settlement).amount:
            AREA.move(settlement, "settle")
    if code == "rescind":
        fee = _fee_of(settlement)
        if fee is not None and not fee.is_settled:
            db.session.delete(fee)
            weigh_fees(settlement.handover_unit)
    db.session.flush()


def fee_was_settled(fee: FeeItem) -> None:
    """Note that an area difference is paid or given back, because its fee was."""
    if fee.kind != FeeKind.AREA_DIFFERENCE:
        return
    settlement = _settlement_of(fee.handover_unit)
    if settlement is not None and settlement.state in ("draft", "agreed"):
        AREA.move(settlement, "settle")
