"""The words of messages: which text counts in a department, what may be changed, and filling in the placeholders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from flask_babel import gettext as _

from core.database.scope import all_departments
from core.extensions import db
from core.languages import listed
from core.machinery.messages.models import MessageText
from core.plugin_system.declarations import MessageTemplate
from core.plugin_system.validation import ALWAYS_THERE, unknown_placeholders

LONGEST_BODY = 2000
LONGEST_SUBJECT = 120
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_SMS_SINGLE, _SMS_PART = 70, 67


class TextRefused(ValueError):
    """A text cannot be used; the message is a full sentence for the user.

    Attributes:
        field: ``subject`` or ``body``.
    """

    def __init__(self, message: str, field: str = "body") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Words:
    """The text of a template in one language.

    Attributes:
        subject: Heading with its placeholders.
        body: Text with its placeholders.
        department_id: The department that wrote it, or None for the text of the module.
    """

    subject: str
    body: str
    department_id: int | None = None


def own_words(template: MessageTemplate, language: str) -> Words:
    """Return the text that the module brings."""
    if language == "en":
        return Words(template.subject_en, template.body_en)
    return Words(template.subject, template.body)


def words_for(template: MessageTemplate, language: str, path: list[int]) -> Words:
    """Return the text that counts in a department: that of the nearest one up the tree, else that of the module.

    Args:
        template: The template.
        language: The locale.
        path: Ids of the departments from the root down to the one that counts.
    """
    with all_departments("the words of a message are those of the nearest department above"):
        rows = {
            row.department_id: row
            for row in db.session.scalars(
                sa.select(MessageText).where(
                    MessageText.template == template.code,
                    MessageText.language == language,
                    MessageText.department_id.in_(path),
                )
            )
        }
    for department_id in reversed(path):
        if department_id in rows:
            row = rows[department_id]
            return Words(row.subject, row.body, department_id)
    return own_words(template, language)


def check_words(template: MessageTemplate, subject: str, body: str) -> tuple[str, str]:
    """Return a changed text as it is stored.

    Raises:
        TextRefused: It is empty or too long, holds an unknown placeholder, or leaves out the link that it is sent for.
    """
    subject, body = " ".join(subject.split()), body.replace("\r\n", "\n").strip()
    if not body:
        raise TextRefused(
            _("The text is empty. Write what the message says, or go back to the text of the module.")
        )
    if len(body) > LONGEST_BODY:
        raise TextRefused(
            _("The text may have at most %(count)s characters. Shorten it.", count=LONGEST_BODY)
        )
    if len(subject) > LONGEST_SUBJECT:
        raise TextRefused(
            _("The subject may have at most %(count)s characters. Shorten it.", count=LONGEST_SUBJECT),
            "subject",
        )
    if not subject and {"email", "letter"} & set(template.channels):
        raise TextRefused(_("An e-mail or a letter needs a subject. Write one."), "subject")
    names = [placeholder.name for placeholder in template.placeholders]
    for field, text in (("subject", subject), ("body", body)):
        unknown = unknown_placeholders(text, names)
        if unknown:
            raise TextRefused(
                _(
                    "There is no placeholder %(names)s. Use only those that are listed beside the text.",
                    names=listed(f"{{{name}}}" for name in unknown),
                ),
                field,
            )
    if "link" in names and "{link}" not in body:
        raise TextRefused(_("The text must hold {link}: without it the reader cannot open the page."))
    return subject, body


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its placeholders replaced; values are words, never templates themselves.

    Raises:
        KeyError: A placeholder has no value.
    """
    return _PLACEHOLDER.sub(lambda found: str(values[found[1]]), text)


def examples_of(template: MessageTemplate) -> dict[str, str]:
    """Return values for a preview without a customer."""
    always = {
        "customer": _("Ms Li"),
        "company": _("Sample Property Company"),
        "project": _("Sample Gardens"),
        "unit": "3-1-1201",
        "phone": "400-800-1234",
    }
    assert set(always) == set(ALWAYS_THERE)  # noqa: S101 (both lists stand in our own code)
    own = {
        placeholder.name: str(placeholder.example or placeholder.label)
        for placeholder in template.placeholders
    }
    return {**always, **own}


def sms_parts(text: str) -> int:
    """Return how many text messages a text takes: 70 characters for one, 67 each for several."""
    length = sum(2 if ord(character) > 0xFFFF else 1 for character in text)
    return 1 if length <= _SMS_SINGLE else -(-length // _SMS_PART)
