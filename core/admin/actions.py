"""Actions on several rows of a list: with a permission each, on rows that the user may see, and not too many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from flask import abort
from flask_babel import ngettext

from core.admin.access import ViewDeclarationError, holds
from core.admin.ajax import strict_id
from core.extensions import db
from core.plugin_system.declarations import Transition

if TYPE_CHECKING:
    from core.admin.views import RecordView

MOST_ROWS = 500

Function = TypeVar("Function", bound=Callable[..., Any])
_MARK = "_bulk_action"


@dataclass(frozen=True)
class BulkAction:
    """An action on several rows.

    Attributes:
        name: What the form sends.
        label: The word on the button.
        confirmation: The question that is asked before, or None.
        permission: Needed to see and to use it.
        function: The method of the view; gets the records and returns a sentence, an answer, or None.
        transition: The transition of the view's workflow that the rows make instead, each for itself.
    """

    name: str
    label: Any
    confirmation: Any
    permission: str
    function: str
    transition: Transition | None = None


def bulk_action(name: str, label: Any, confirmation: Any = None) -> Callable[[Function], Function]:
    """Make a method of a record view an action on the chosen rows.

    The method gets the loaded records, all of them visible to the user, and returns a sentence that says what was
    done (or an answer, or None). The view must declare the permission in ``actions_declared``.

    Args:
        name: What the form sends, for example ``archive``.
        label: The word on the button.
        confirmation: A question asked before, on a page of its own.
    """

    def mark(function: Function) -> Function:
        setattr(function, _MARK, (name, label, confirmation))
        return function

    return mark


def declared_actions(view: RecordView) -> dict[str, BulkAction]:
    """Return the actions of a view by name.

    Raises:
        ViewDeclarationError: An action has no permission, or a permission has no action.
    """
    found: dict[str, BulkAction] = {}
    for attribute in dir(type(view)):
        marked = getattr(getattr(type(view), attribute, None), _MARK, None)
        if marked is None:
            continue
        name, label, confirmation = marked
        permission = view.actions_declared.get(name)
        if permission is None:
            if attribute == "delete_chosen":
                continue
            raise ViewDeclarationError(
                f"{type(view).__qualname__}: the action {name!r} has no permission; add it to actions_declared."
            )
        found[name] = BulkAction(name, label, confirmation, permission, attribute)
    unknown = set(view.actions_declared) - set(found)
    if unknown:
        raise ViewDeclarationError(
            f"{type(view).__qualname__}: actions_declared names {sorted(unknown)}, but no method is marked with "
            "@bulk_action of that name."
        )
    return found


def allowed_actions(view: RecordView) -> list[BulkAction]:
    """Return the actions that the acting user may use."""
    return [action for action in view.bulk_actions.values() if holds(action.permission)]


def chosen_records(view: RecordView, texts: list[str]) -> list[Any]:
    """Return the records with the keys that a form sent.

    Answers 404 when one of them does not exist, cannot be seen, or is not a key: then nothing is done at all.

    Args:
        view: The record view.
        texts: The keys as sent, at most 500.

    Raises:
        TooManyRows: There are more.
    """
    keys = {strict_id(text) for text in texts[: MOST_ROWS * 2]}
    if len(texts) > MOST_ROWS:
        raise TooManyRows()
    if None in keys:
        abort(404)
    statement = sa.select(view.model).where(view.model.id.in_(keys), *view.row_conditions())
    records = list(db.session.scalars(statement.order_by(view.model.id)))
    if len(records) != len(keys):
        abort(404)
    return records


class TooManyRows(Exception):
    """More rows were chosen than one request handles."""

    def __str__(self) -> str:
        """Return the sentence for the user."""
        return ngettext(
            "At most %(num)s row can be changed at once. Choose fewer rows.",
            "At most %(num)s rows can be changed at once. Choose fewer rows.",
            MOST_ROWS,
        )
