"""Forms of customers beyond what the guarded views make from columns."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from core.admin.forms import GuardedForm
from core.admin.searching import clean_text


class SelectMultipleCheckboxField(SelectMultipleField):
    """Several choices as boxes."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


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
