"""Forms of customers beyond what the guarded views make from columns."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from core.admin.forms import GuardedForm
from core.admin.searching import clean_text
from core.customers import words
from core.languages import LOCALES, speaking


class SelectMultipleCheckboxField(SelectMultipleField):
    """Several choices as boxes."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class SourceField(StringField):
    """Where a customer came from, in free text; what Doorstep writes itself is shown, and understood, in words."""

    data: str | None

    def _value(self) -> str:
        word = dict(words.SOURCES).get(self.data or "")
        return str(word) if word is not None else super()._value()

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Take the words of any language for what Doorstep writes."""
        super().process_formdata(valuelist)
        typed = _cleaned(self.data)
        for language in LOCALES:
            with speaking(language):
                self.data = next((code for code, word in words.SOURCES if str(word) == typed), self.data)


def _cleaned(value: Any) -> str:
    return " ".join(clean_text(value).split()) if isinstance(value, str) else ""


class EraseForm(GuardedForm):
    """Why a person is erased, and the name typed as proof that the right one is meant."""

    reason = StringField(
        _l("Reason (kept in the log)"),
        [InputRequired(), Length(4, 200)],
        filters=[_cleaned],
        description=_l("For example: the customer asked for it in writing on this day."),
    )
    typed_name = StringField(
        _l("Name of the customer, typed"), [InputRequired(), Length(max=120)], filters=[_cleaned]
    )


class DataExportForm(GuardedForm):
    """Why a copy of a person's data is made."""

    reason = StringField(
        _l("Reason (kept in the log)"),
        [InputRequired(), Length(4, 200)],
        filters=[_cleaned],
        description=_l("For example: request of the customer of this day."),
    )
