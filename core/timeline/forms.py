"""The form of a company's own version of a touchpoint."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    FieldList,
    HiddenField,
    IntegerField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, NumberRange

from core.admin.ajax import ReferenceField
from core.admin.forms import GuardedForm, LocalDateTimeField
from core.admin.searching import clean_text
from core.admin.work import DEPARTMENTS, RoleField
from core.people.references import COLLEAGUES


def _cleaned(value: Any) -> str:
    return clean_text(value).strip() if isinstance(value, str) else ""


class TouchpointForm(GuardedForm):
    """Texts, responsible role, use and time limits."""

    row_version = HiddenField()
    active = BooleanField(_l("Our company uses this touchpoint"))
    name = StringField(_l("Name in Chinese"), [InputRequired(), Length(max=120)], filters=[_cleaned])
    name_en = StringField(_l("Name in English"), [Length(max=160)], filters=[_cleaned])
    owner_role = SelectField(_l("Responsible"))
    standard = TextAreaField(_l("Standard in Chinese"), [Length(max=2000)], filters=[_cleaned])
    standard_en = TextAreaField(_l("Standard in English"), [Length(max=2000)], filters=[_cleaned])
    question = TextAreaField(_l("Question to the customer in Chinese"), [Length(max=500)], filters=[_cleaned])
    question_en = TextAreaField(
        _l("Question to the customer in English"), [Length(max=500)], filters=[_cleaned]
    )
    limits = FieldList(
        IntegerField(_l("Time limit"), [InputRequired(), NumberRange(-10_000, 10_000)]), max_entries=20
    )

    def numbers(self) -> list[int]:
        """Return the numbers of the time limits in their order."""
        return [field.data for field in self.limits]

    def complain(self, sentence: str, field: str | None) -> None:
        """Show a sentence at a field, or above the form."""
        if field is not None and field in self:
            self[field].errors = [*self[field].errors, sentence]
        else:
            self.form_errors.append(sentence)


class AssignForm(GuardedForm):
    """Who has to reach a touchpoint, and until when."""

    title = StringField(_l("To do"), [InputRequired(), Length(max=200)], filters=[_cleaned])
    note = TextAreaField(_l("To know beforehand"), [Length(max=2000)], filters=[_cleaned])
    due_at = LocalDateTimeField(_l("Due"))
    department_id = ReferenceField(
        _l("Department"),
        reference=DEPARTMENTS,
        description=_l("Left empty: the company of the project."),
    )
    role = RoleField(_l("Role"), description=_l("Whoever holds the role there may take it."))
    owner_id = ReferenceField(
        _l("Colleague"),
        reference=COLLEAGUES,
        description=_l("Left empty: somebody of the department takes it."),
    )

    def complain(self, sentence: str) -> None:
        """Show a sentence above the form."""
        self.form_errors.append(sentence)
