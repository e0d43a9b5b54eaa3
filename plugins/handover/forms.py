"""Form fields that are more than a column: rooms and tolerances of an item, kinds of fault and trade of a defect."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from wtforms import DecimalField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget, TextInput

from core.toolkit import LocalDateTimeField, _l
from plugins.handover import catalogue, measures, services, words

ITEM_LABELS: Mapping[str, Any] = {
    "template": _l("Checklist"),
    "template_id": _l("Checklist"),
    "code": _l("Code"),
    "name": _l("Name in Chinese"),
    "name_en": _l("Name in English"),
    "group_name": _l("Item group"),
    "group_name_en": _l("Group in English"),
    "specification": _l("Delivery standard"),
    "rooms": _l("Rooms"),
    "standard": _l("Standard in Chinese"),
    "standard_en": _l("Standard in English"),
    "method": _l("Method in Chinese"),
    "method_en": _l("Method in English"),
    "tolerances": _l("Tolerances"),
    "severity": _l("Usual severity"),
    "defect_code": _l("Usual kind of fault"),
    "trade_code": _l("Trade"),
    "warranty_category": _l("Warranty category"),
    "position": _l("Place in lists"),
    "active": _l("State"),
}


def key_or_none(text: Any) -> int | None:
    """Return the key that a choice names, or None for the empty one."""
    return None if text in (None, "") else int(text)


class SelectMultipleCheckboxField(SelectMultipleField):
    """Several choices as ticks; the form macros of the core know it by its name."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class TolerancesField(TextAreaField):
    """Measures of an item as lines, see :func:`plugins.handover.measures.from_lines`; its data are the measures."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.typed = valuelist[0] if valuelist else ""
        try:
            self.data = measures.from_lines(self.typed)
        except measures.MeasureError as error:
            raise ValueError(str(error)) from None

    def process_data(self, value: Any) -> None:
        self.typed = None
        self.data = value

    def _value(self) -> str:
        if self.typed is not None:
            return str(self.typed)
        return measures.to_lines(self.data or [])


def _named(texts: Mapping[str, str]) -> list[tuple[str, str]]:
    return [("", "—"), *((code, f"{code} {name}") for code, name in texts.items())]


def _rooms() -> list[tuple[str, str]]:
    rooms = catalogue.reference("inspection_template")["rooms"]
    english = services.is_english(services.current_language())
    return [(room["code"], f"{room['code']} {room['name']['en' if english else 'zh']}") for room in rooms]


def _faults() -> list[tuple[str, str]]:
    return [(code.code, f"{code.code} {words.local(code)}") for code in catalogue.defect_codes()]


def _warranty() -> list[tuple[str, str]]:
    key = "en" if services.is_english(services.current_language()) else "zh"
    rows = catalogue.reference("warranty_categories")["categories"]
    return [("", "—"), *((row["code"], f"{row['code']} {row['name'][key]}") for row in rows)]


def _trades() -> list[tuple[str, str]]:
    return [("", "—"), *words.trades().items()]


def item_fields() -> dict[str, Any]:
    """Return the fields of a checklist item that are no plain columns."""
    return {
        "rooms": SelectMultipleCheckboxField(
            _l("Rooms"), [DataRequired(_l("Choose at least one room."))], choices=_rooms
        ),
        "tolerances": TolerancesField(
            _l("Tolerances"),
            description=_l(
                "One measure a line: name | name in English | smallest | largest | unit | "
                "condition. Leave smallest or largest "
                "empty. Conditions: floors>=7, floors<=6, rooms=KIT,BTH, or words that the "
                "inspector reads (中文 / English)."
            ),
        ),
        "defect_code": SelectField(_l("Usual kind of fault"), choices=lambda: [("", "—"), *_faults()]),
        "trade_code": SelectField(_l("Trade"), choices=_trades),
        "warranty_category": SelectField(_l("Warranty category"), choices=_warranty),
    }


def item_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of an item's form as attributes of the model."""
    changed = dict(values)
    if "tolerances" in changed:
        changed["measures"] = changed.pop("tolerances")
    return changed


def defect_fields() -> dict[str, Any]:
    """Return the fields of a defect that are no plain columns."""
    return {
        "room_name": StringField(
            _l("Room"),
            [DataRequired(_l("Say in which room it is.")), Length(max=60)],
            description=_l("For example: main bathroom"),
        ),
        "codes": SelectMultipleCheckboxField(
            _l("Kinds of fault"),
            [DataRequired(_l("Choose at least one kind of fault."))],
            choices=_faults,
            coerce=lambda value: getattr(value, "code", value),
        ),
        "description": TextAreaField(
            _l("Problem"), [DataRequired(_l("Describe the defect in a few words.")), Length(max=2000)]
        ),
        "severity_reason": StringField(
            _l("Reason, if the severity is lowered"),
            [Optional(), Length(max=1000)],
            description=_l("Only an engineer may lower it."),
        ),
        "trade_code": SelectField(
            _l("Trade"), choices=_trades, description=_l("Proposes the contractor from the matrix.")
        ),
        "promised_by": LocalDateTimeField(
            _l("Promised by"),
            [Optional()],
            description=_l("Empty: by the limit of its severity. The first promise is kept for the figures."),
        ),
        "root_cause": SelectField(
            _l("Root cause"), choices=lambda: [("", "—"), *words.root_causes().items()]
        ),
        "cost": DecimalField(
            _l("Cost of the repair (¥)"),
            [Optional(), NumberRange(0, Decimal("999999999.99"))],
            places=2,
            widget=TextInput(),
            description=_l("What it cost, whoever bears it; empty as long as nobody knows."),
        ),
    }


def refusal_choices() -> list[tuple[str, str]]:
    """Return R1 to R9 with their words, after an empty choice."""
    return _named(words.refusal_reasons())


def refusal_field() -> Any:
    """Return the field of the reason for a refusal."""
    return SelectField(choices=[])


def company_field() -> Any:
    """Return the field of the contractor that a step asks for; its choices depend on the project of the record."""
    return SelectField(coerce=key_or_none, choices=[])


def amount_field() -> Any:
    """Return the field of an amount in yuan that a step asks for."""
    return DecimalField(validators=[NumberRange(0, Decimal("999999999.99"))], places=2, widget=TextInput())
