"""Whose a row is: the project, customer and department that decide who may see what hangs on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.database.scope import ByCustomer, ByDepartment, ByProject, Owned, current_scope


@dataclass(frozen=True)
class Owner:
    """The owner columns of a row that hangs on a record; see :class:`core.database.scope.Owned`."""

    project_id: int | None = None
    customer_id: int | None = None
    department_id: int | None = None

    def as_columns(self) -> dict[str, int | None]:
        """Return the three columns by name, for the constructor of an owned row."""
        return {
            "project_id": self.project_id,
            "customer_id": self.customer_id,
            "department_id": self.department_id,
        }


def owner_of(record: Any, loaded_only: bool = False) -> Owner:
    """Return whose ``record`` is, from its own columns; the acting department where it names nobody.

    Args:
        record: A loaded row of any model.
        loaded_only: Looks only at attributes that are in memory, for use inside a flush.
    """

    def value(name: str) -> int | None:
        found: int | None = record.__dict__.get(name) if loaded_only else getattr(record, name, None)
        return found

    rule = type(record).__scope__
    project, customer, department = value("project_id"), value("customer_id"), value("department_id")
    if isinstance(rule, ByProject):
        project = value(rule.column)
    elif isinstance(rule, ByCustomer):
        customer = value(rule.column)
    elif isinstance(rule, ByDepartment):
        department = value(rule.column)
    elif isinstance(rule, Owned):
        project, customer, department = (value(column) for column in rule.columns)
    elif type(record).__tablename__ == "department":
        department = value("id")
    if project is None and customer is None and department is None:
        scope = current_scope()
        department = scope.department_id if scope is not None else None
    return Owner(project, customer, department)
