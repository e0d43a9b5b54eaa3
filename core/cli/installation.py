"""Setting up an installation: ``setup``, ``create-administrator``, and the demo data with its accounts."""

from __future__ import annotations

from collections.abc import Mapping

import click
import sqlalchemy as sa
from flask.cli import with_appcontext

from core.database.scope import all_departments
from core.demo import office, story
from core.extensions import db
from core.machinery.documents.workers import batch_pool, shared_pool
from core.people import commands as people_commands
from core.people import services as people
from core.people.models import Department, Role, User
from core.people.seed import ADMINISTRATOR, missing_defaults
from core.plugin_system.runtime import current_runtime

_PATIENCE_SECONDS = 300.0


@click.command("setup")
@with_appcontext
def setup() -> None:
    """Bring the database up to date and load the reference data; safe to run again."""
    from core.cli.database import upgrade_all, warn_of_quarantine

    upgrade_all()
    before = _permissions_by_role()
    load_reference_data()
    warn_of_quarantine()
    _tell_permissions(before)
    click.echo("The database and its reference data are up to date.")


def _permissions_by_role() -> dict[str, set[str]]:
    with all_departments("reference data"):
        return {role.name: set(role.permissions) for role in db.session.scalars(sa.select(Role))}


def _tell_permissions(before: Mapping[str, set[str]]) -> None:
    """Say which permissions the roles of an installation that ran before have got, and which they lack."""
    if not before:
        return
    given: dict[str, list[str]] = {}
    for name, held in _permissions_by_role().items():
        for code in held - before.get(name, set()):
            given.setdefault(code, []).append(name)
    for code, names in sorted(given.items()):
        click.echo(f"The new permission {code} was given to {', '.join(sorted(names))}.")
    with all_departments("reference data"):
        missing = len(missing_defaults())
    if missing:
        click.echo(
            f"Permissions that roles would have on a new installation and lack here: {missing}. Perhaps somebody took "
            "them away. `doorstep user compare-roles` lists them and gives those that you name."
        )


def load_reference_data() -> None:
    """Load the seed data of the core and of every healthy plugin; what is there already stays as it is."""
    with all_departments("reference data"):
        for declaration in current_runtime().declared.seed_data():
            declaration.load()
            db.session.commit()


@click.command("create-administrator")
@click.option("--email", prompt="E-mail address", help="With it the administrator signs in.")
@click.option("--name", prompt="Full name", help="Shown on pages and in the audit log.")
@click.option(
    "--password", prompt=True, hide_input=True, confirmation_prompt=True, help="At least 12 characters."
)
@click.pass_context
def create_administrator(context: click.Context, email: str, name: str, password: str) -> None:
    """Make an account that may do everything; without any department also a first region."""
    context.invoke(
        people_commands.create, email=email, name=name, role=ADMINISTRATOR, department="", password=password
    )


@click.command("demo")
@with_appcontext
def demo() -> None:
    """Write demo data into an empty database and print its accounts."""
    with all_departments("looking for earlier data"):
        filled = db.session.scalar(sa.select(sa.func.count(Department.id)))
    if filled:
        click.echo(
            "There is data already; it was kept. New passwords of the demo accounts: make demo-passwords"
        )
        return
    click.echo("Writing the demo data; this takes about a minute.")
    # Nobody waits for a page here, and the first start of a slow machine must not end at a letter.
    for pool in (shared_pool(), batch_pool()):
        pool.seconds = _PATIENCE_SECONDS
    passwords = story.tell().passwords
    office.work_off()
    _print_accounts(passwords)


@click.command("demo-passwords")
@with_appcontext
def demo_passwords() -> None:
    """Give every demo account a new password and print the accounts."""
    passwords: dict[str, str] = {}
    with all_departments("new demo passwords"):
        for user in _demo_users():
            passwords[user.email] = story.new_password()
            people.set_password(user, passwords[user.email])
            people.reset_two_factor(user)
        db.session.commit()
    if not passwords:
        raise click.ClickException("There are no demo accounts in this database. `doorstep demo` makes them.")
    _print_accounts(passwords)


@click.command("demo-code")
@click.argument("login")
@click.option(
    "--key", default="", help="The key on the page that sets up two-factor sign-in; needed the first time."
)
@with_appcontext
def demo_code(login: str, key: str) -> None:
    """Print the one-time code of a demo account, for those without an authenticator."""
    from core.people.sign_in import current_totp_code

    email = login if "@" in login else f"{login}@{story.DEMO_DOMAIN}"
    user = db.session.scalar(sa.select(User).where(User.email == email))
    if user is None or not email.endswith(f"@{story.DEMO_DOMAIN}"):
        raise click.ClickException(
            f"{login} is not a demo account. The accounts end in @{story.DEMO_DOMAIN}."
        )
    try:
        code = current_totp_code(user, key)
    except ValueError as error:
        raise click.ClickException(
            f"{key} is not a key. Copy it from the page, below the picture."
        ) from error
    if code is None:
        raise click.ClickException(
            f"{email} has not set up two-factor sign-in yet. Sign in; the page shows a key below the picture. "
            f"Then run: doorstep demo-code {login} --key KEY"
        )
    click.echo(code)


def _demo_users() -> list[User]:
    query = sa.select(User).where(User.email.like(f"%@{story.DEMO_DOMAIN}")).order_by(User.id)
    return list(db.session.scalars(query))


def _print_accounts(passwords: dict[str, str]) -> None:
    duties = {f"{account.login}@{story.DEMO_DOMAIN}": account for account in story.STAFF}
    click.echo("\nDemo accounts (the passwords are shown only now):\n")
    for email, password in passwords.items():
        account = duties.get(email)
        who = f"{account.name}  {account.duty}" if account else ""
        click.echo(f"  {email:<36} {password:<22} {who}")
    click.echo(
        "\nWho administers or exports must set up two-factor sign-in first. Without an authenticator, the code is "
        "shown by\n  .venv/bin/doorstep demo-code lin.lan --key KEY   (the key on the page, the first time)"
        "\n  .venv/bin/doorstep demo-code lin.lan             (afterwards)\n"
    )


COMMANDS = (setup, create_administrator, demo, demo_passwords, demo_code)
