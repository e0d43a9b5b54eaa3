"""Who may see and do what, written down by hand: the answers that the matrix expects.

Nothing here asks the code under test. What a user sees follows from the table below; what he may do follows from the
permission codes that are stored in his role and from the code that a route declares.
"""

from __future__ import annotations

from dataclasses import dataclass

PROJECTS = ("own", "sibling", "foreign")
"""The projects of the test world: of the group, of the sibling group of the same city, of the other city."""
MISSING, MALFORMED = "missing", "malformed"
TARGETS = (*PROJECTS, MISSING, MALFORMED)


@dataclass(frozen=True)
class Actor:
    """Somebody who sends requests.

    Attributes:
        name: As it stands in the report.
        account: Name of the account in the world, None for a visitor.
        role: Name of the role that it holds.
        sees: The projects whose rows it sees; rows of departments follow, because each project stands for its group.
        knows: Names of departments that its pages may name.
    """

    name: str
    account: str | None
    role: str | None
    sees: frozenset[str]
    knows: frozenset[str] = frozenset()


_CITY = frozenset({"region", "city", "group", "sibling_group"})
_GROUP = frozenset({"region", "city", "group"})

ACTORS = (
    Actor("administrator", "admin", "admin", frozenset(PROJECTS), _CITY | {"other_city", "other_group"}),
    Actor("keeper", "keeper", "admin", frozenset({"own"}), _GROUP),
    Actor("head", "head", "head", frozenset({"own"}), _GROUP),
    Actor("engineer", "engineer", "engineer", frozenset({"own"}), _GROUP),
    Actor("service", "service", "service", frozenset({"own"}), _GROUP),
    Actor("nobody", "nobody", "nobody", frozenset({"own"}), _GROUP),
    Actor(
        "sibling", "sibling", "head", frozenset({"sibling"}), frozenset({"region", "city", "sibling_group"})
    ),
    Actor(
        "other city",
        "other",
        "head",
        frozenset({"foreign"}),
        frozenset({"region", "other_city", "other_group"}),
    ),
    Actor("visitor", None, None, frozenset()),
)
"""``keeper`` holds every permission, but only in the group: the strongest adversary of the wall."""

OK, SIGN_IN, FORBIDDEN, NOT_FOUND, REFUSED, ANY, LED_BACK = (
    "ok",
    "sign in",
    "403",
    "404",
    "refused",
    "any",
    "led back",
)

STATUSES: dict[str, frozenset[int]] = {
    OK: frozenset({200, 302, 303, 409, 422}),
    SIGN_IN: frozenset({302, 401}),
    FORBIDDEN: frozenset({403}),
    NOT_FOUND: frozenset({404}),
    # What is sent is wrong, so nothing is written: the form comes back, or a message does.
    REFUSED: frozenset({302, 303, 400, 404, 409, 422}),
    # A ticket of somebody else: the way back to where one asks for an own one.
    LED_BACK: frozenset({302, 303}),
    ANY: frozenset({200, 302, 303, 400, 401, 403, 404, 405, 409, 422}),
}


@dataclass(frozen=True)
class Rule:
    """What a request needs.

    Attributes:
        needs: Permission codes that are all needed; None is held by nobody.
        one_of: Codes of which one is needed, empty for none.
        row: Whether the target names a row that must be visible.
        otherwise: What who holds the permissions gets for a row that he does not see, does not exist, or is no key.
        granted: What he gets otherwise.
        staff: Whether a visitor is sent to the sign-in page.
        hidden: Codes without which the row is not to be found (404 instead of 403).
        late: Codes that are asked for only once the row was found.
    """

    needs: tuple[str | None, ...] = ()
    one_of: tuple[str | None, ...] = ()
    row: bool = False
    otherwise: str = NOT_FOUND
    granted: str = OK
    staff: bool = True
    hidden: tuple[str, ...] = ()
    late: tuple[str | None, ...] = ()


def expected(
    rule: Rule, actor: Actor, held: frozenset[str], target: str, *, unscoped: bool, is_on: bool
) -> str:
    """Return what a request must be answered with.

    Args:
        rule: What it needs.
        actor: Who sends it.
        held: The permission codes of the actor's role.
        target: The project whose row is named, ``missing`` or ``malformed``.
        unscoped: Whether the row belongs to nobody in particular, so that everybody sees it.
        is_on: Whether the plugin is switched on where the actor acts.
    """
    if actor.account is None and rule.staff:
        return SIGN_IN
    if not is_on:
        return NOT_FOUND
    if any(code is None or code not in held for code in rule.needs):
        return FORBIDDEN
    if rule.one_of and not any(code in held for code in rule.one_of):
        return FORBIDDEN
    if any(code not in held for code in rule.hidden):
        return NOT_FOUND
    found = target in actor.sees or (unscoped and target in PROJECTS)
    if rule.row and not found:
        return rule.otherwise
    if any(code is None or code not in held for code in rule.late):
        return FORBIDDEN
    return rule.granted
