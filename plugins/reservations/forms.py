"""The forms of pages."""

from __future__ import annotations

from wtforms import DateField, IntegerField, SelectField, SelectMultipleField
from wtforms.validators import DataRequired, InputRequired, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from core.toolkit import GuardedForm, _l
from plugins.reservations.opening import WEEKDAYS


class _Ticks(SelectMultipleField):
    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class SelectMultipleCheckboxField(_Ticks):
    """Several choices as ticks; the form macros of the core know it by its name."""


class PlanForm(GuardedForm):
    """Which slots are made."""

    resource = SelectField(_l("Resource"), coerce=int, validators=[InputRequired()])
    purpose = SelectField(_l("Purpose"), coerce=int, validators=[InputRequired()])
    first = DateField(_l("First day"), [DataRequired()])
    last = DateField(_l("Last day"), [DataRequired()])
    weekdays = SelectMultipleCheckboxField(
        _l("Weekdays"), coerce=int, choices=list(WEEKDAYS.items()), default=list(WEEKDAYS)
    )
    minutes = IntegerField(
        _l("Minutes a slot"),
        [Optional(), NumberRange(5, 1440)],
        description=_l("Empty: as the purpose says."),
    )
    capacity = IntegerField(
        _l("Bookings a slot"),
        [Optional(), NumberRange(1, 1000)],
        description=_l("Empty: as the resource says."),
    )
