"""``doorstep user``: accounts from the command line, for the first administrator and for emergencies."""

from __future__ import annotations

import click
import sqlalchemy as sa
from flask.cli import with_appcontext

from core.database.scope import all_departments
from core.extensions import db
from core.people import seed, services
from core.people.models import Department, DepartmentKind, Role, User
from core.people.seed import ADMINISTRATOR
from core.people.services import PeopleRuleError

_REASON = "an account was changed from the command line"


@click.group()
def user() -> None:
    """Accounts: create, set-password, reset-two-factor; roles: compare-roles."""


@user.command()
@click.argument("email")
@click.option("--name", prompt=True, help="Full name.")
@click.option("--role", default=ADMINISTRATOR, show_default=True, help="Code of the role.")
@click.option("--department", default="", help="Code of the department; the topmost region when omitted.")
@click.option(
    "--password", prompt=True, hide_input=True, confirmation_prompt=True, help="At least 12 characters."
)
@with_appcontext
def create(email: str, name: str, role: str, department: str, password: str) -> None:
    """Create an account with a role. Without any department a first region is made."""
    with all_departments(_REASON), _told():
        held = db.session.scalar(sa.select(Role).where(Role.name == role.upper()))
        if held is None:
            raise click.ClickException(
                f"There is no role {role!r}. Run `doorstep setup` first, or check the code."
            )
        place = _department(department)
        account = services.create_user(email=email, name=name, password=password)
        services.grant(account, place, held)
        services.set_acting_department(account, place.id)
        db.session.commit()
    click.echo(f"{account.email} can sign in and holds {held.name} in {place.name}.")
    if held.requires_two_factor:
        click.echo("The role asks for a second factor: an authenticator app is set up at the first sign-in.")


@user.command("set-password")
@click.argument("email")
@click.option(
    "--password", prompt=True, hide_input=True, confirmation_prompt=True, help="At least 12 characters."
)
@with_appcontext
def set_password(email: str, password: str) -> None:
    """Give an account another password; all its sessions end."""
    with all_departments(_REASON), _told():
        account = _account(email)
        services.set_password(account, password)
        db.session.commit()
    click.echo(f"{account.email} has a new password.")


@user.command("reset-two-factor")
@click.argument("email")
@with_appcontext
def reset_two_factor(email: str) -> None:
    """Forget the second factor of an account whose phone is lost; all its sessions end."""
    with all_departments(_REASON), _told():
        account = _account(email)
        services.reset_two_factor(account)
        db.session.commit()
    click.echo(f"{account.email} sets up a second factor at the next sign-in.")


@user.command("compare-roles")
@click.option(
    "--give",
    "wanted",
    multiple=True,
    metavar="ROLE:PERMISSION",
    help="Give a role a permission of the list; may be repeated.",
)
@click.option("--give-all", is_flag=True, help="Give all of the list.")
@with_appcontext
def compare_roles(wanted: tuple[str, ...], give_all: bool) -> None:
    """List what roles would have on a new installation and have not here; with --give they get it.

    A permission that a later version declares is given to its roles once, by `doorstep setup`, which names it. A role
    that is added to an older permission gets nothing by itself, and what administrators took away stays away: both are
    in the list.
    """
    with all_departments(_REASON), _told():
        missing = {f"{each.role.name}:{each.permission.code}": each for each in seed.missing_defaults()}
        unknown = [each for each in wanted if each not in missing]
        if unknown:
            raise click.ClickException(
                f"{', '.join(unknown)}: not in the list. Write ROLE:PERMISSION as `doorstep user compare-roles` does."
            )
        given = list(missing) if give_all else list(dict.fromkeys(wanted))
        for code in given:
            role = missing[code].role
            services.set_role_permissions(role, {*role.permissions, missing[code].permission.code})
        db.session.commit()
        for code, each in missing.items():
            state = "given   " if code in given else "missing "
            click.echo(f"{state if given else ''}{code}  {each.permission.label}")
    if not missing:
        click.echo("Every role has what it would have on a new installation.")


class _told:  # noqa: N801 (used like a function)
    """Show a broken rule as a message of the command line."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PeopleRuleError):
            raise click.ClickException(str(error)) from error


def _account(email: str) -> User:
    found = db.session.scalar(sa.select(User).where(sa.func.lower(User.email) == email.strip().lower()))
    if found is None:
        raise click.ClickException(f"There is no account {email!r}. `doorstep user create` makes one.")
    return found


def _department(code: str) -> Department:
    if code:
        found = db.session.scalar(sa.select(Department).where(Department.code == code.strip().upper()))
        if found is None:
            raise click.ClickException(f"There is no department {code!r}. Check the code.")
        return found
    top = db.session.scalars(
        sa.select(Department)
        .where(Department.kind == DepartmentKind.REGION, Department.archived_at.is_(None))
        .order_by(Department.id)
    ).first()
    return top or services.create_department(
        kind=DepartmentKind.REGION, code="HQ", name="总部", name_en="Headquarters"
    )
