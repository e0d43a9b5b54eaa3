"""Who decides: the band of an amount, and where in the tree a role is held."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
from flask_babel import gettext as _

from core.database.scope import all_departments, require_scope
from core.extensions import db
from core.machinery.approvals.base import CORE, ApprovalRefused, means_of_approvals
from core.machinery.approvals.models import ApprovalRequest
from core.plugin_system.declarations import ApprovalBand, ApprovalKind, ApprovalStep
from core.plugin_system.runtime import current_runtime


def band_for(
    kind: ApprovalKind, amount: Decimal | None, department_id: int | None = None
) -> ApprovalBand | None:
    """Return the band that decides about an amount; None where the kind has no bands.

    Args:
        kind: The kind.
        amount: In yuan; a limit is included in its band.
        department_id: Whose settings count.

    Source: domain reference 3.2.3 [RECON] and worked example 5: ¥20,000.00 is level 1, ¥20,000.01 level 2.
    """
    position = band_position(kind, amount, department_id)
    return kind.bands[position] if position is not None else None


def band_position(kind: ApprovalKind, amount: Decimal | None, department_id: int | None) -> int | None:
    """Return which of the bands of a kind decides about an amount, counted from 0; None where the kind has none."""
    if not kind.bands:
        return None
    component = current_runtime().declared.component_of(kind)
    for position, band in enumerate(kind.bands):
        if not band.limit_setting:
            break
        limit = means_of_approvals().setting_of(component, band.limit_setting, department_id)
        if (amount or Decimal(0)) <= limit:
            return position
    return len(kind.bands) - 1


def steps_of(kind: ApprovalKind, department_id: int | None) -> list[ApprovalStep]:
    """Return the opinions before the band that a department asks for: those that it did not leave out by a setting."""
    component = current_runtime().declared.component_of(kind)
    return [
        step
        for step in kind.steps
        if not step.switch_setting
        or means_of_approvals().setting_of(component, step.switch_setting, department_id)
    ]


def needs_reopening(
    kind: ApprovalKind, approved: Decimal, amount: Decimal, department_id: int | None = None
) -> bool:
    """Return whether a changed amount needs approval anew: it rises into a higher band, or by more than a tenth.

    Args:
        kind: The kind.
        approved: The amount that was approved.
        amount: The amount now.
        department_id: Whose settings count.

    Source: domain reference 5.4.2 [RECON] and Appendix F: the tenth counts from the approved total, and crossing a
    level downwards does not re-open. Setting ``approval_rise_percent``.
    """
    rise = rise_of(kind, approved, amount, department_id)
    return rise.band is not None or rise.is_above_limit


@dataclass(frozen=True)
class Rise:
    """How an amount stands to the one that was approved.

    Attributes:
        percent: By how many percent it is higher; negative for less, None where nothing was approved but 0.
        limit: By how many percent it may rise.
        is_above_limit: Whether it rose by more.
        band: The higher band that decides about it now; None where the band is the same or a lower one.
    """

    percent: Decimal | None
    limit: Decimal
    is_above_limit: bool
    band: ApprovalBand | None


def rise_of(kind: ApprovalKind, approved: Decimal, amount: Decimal, department_id: int | None = None) -> Rise:
    """Return how an amount stands to the one that was approved.

    Args:
        kind: The kind.
        approved: The amount that was approved.
        amount: The amount now.
        department_id: Whose settings count.
    """
    before, now = (band_position(kind, each, department_id) for each in (approved, amount))
    higher = before is not None and now is not None and now > before
    limit = Decimal(means_of_approvals().setting_of(CORE, "approval_rise_percent", department_id))
    return Rise(
        percent=(amount - approved) * 100 / approved if approved else None,
        limit=limit,
        is_above_limit=amount > approved * (100 + limit) / 100,
        band=kind.bands[now] if higher and now is not None else None,
    )


@dataclass(frozen=True)
class Tree:
    """The departments that answer for a record: its own, those above, and the groups of its project."""

    path: tuple[int, ...]
    kinds: Mapping[int, str]
    groups: tuple[int, ...]

    def places(self, level: str) -> Iterator[tuple[int, ...]]:
        """Yield the departments in which a role is looked for, the nearest first."""
        if level == "group":
            yield self.groups
        elif level:
            yield tuple(key for key in self.path if self.kinds[key] == level)
        else:
            nearest, *above = reversed(self.path)
            yield (nearest, *self.groups)
            yield from ((key,) for key in above)


def tree_of(project_id: int | None, department_id: int | None) -> Tree:
    """Return the departments that answer for a record of a project or a department."""
    tables = ApprovalRequest.metadata.tables
    department, project, assigned = (tables[name].c for name in ("department", "project", "project_group"))
    with all_departments("finding who approves for a record"):
        own = department_id or require_scope().department_id
        groups: Sequence[int] = ()
        if project_id is not None:
            own = db.session.scalar(sa.select(project.department_id).where(project.id == project_id))
            groups = db.session.scalars(
                sa.select(assigned.department_id)
                .where(assigned.project_id == project_id)
                .order_by(assigned.department_id)
            ).all()
        if own is None:
            raise ApprovalRefused(
                _("The record belongs to no department, so nobody can be asked to approve it.")
            )
        path = db.session.scalar(sa.select(department.path).where(department.id == own)) or ""
        ids = tuple(int(part) for part in path.split("/") if part)
        if project_id is None:
            groups = db.session.scalars(
                sa.select(department.id).where(department.parent_id == own, department.kind == "group")
            ).all()
        rows = db.session.execute(sa.select(department.id, department.kind).where(department.id.in_(ids)))
        kinds = {key: str(kind) for key, kind in rows}
    return Tree(ids, kinds, tuple(groups))


def holders_of(role: str, place_ids: Collection[int]) -> set[int]:
    """Return the ids of the active accounts that hold a role in one of some departments."""
    tables = ApprovalRequest.metadata.tables
    membership, roles, account = (tables[name].c for name in ("membership", "role", "user_account"))
    query = (
        sa.select(membership.user_id)
        .join_from(membership.user_id.table, roles.id.table, roles.id == membership.role_id)
        .join(account.id.table, account.id == membership.user_id)
        .where(
            roles.name == role, membership.department_id.in_(sorted(place_ids)), account.active.is_(sa.true())
        )
    )
    return set(db.session.scalars(query))


def find_places(tree: Tree, role: str, level: str, askers: Collection[int]) -> tuple[int, ...] | None:
    """Return where a role is held by somebody else than the author, the nearest place first; None for nowhere."""
    for places in tree.places(level):
        held = tuple(place for place in places if holders_of(role, (place,)) - set(askers))
        if held:
            return held
    return None
