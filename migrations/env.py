"""Runs the migrations of one component; core.plugin_system.migrating calls Alembic and says which."""

from __future__ import annotations

from alembic import context

from core.plugin_system.migrating import ATTRIBUTE, Run

run = context.config.attributes.get(ATTRIBUTE)
if not isinstance(run, Run):
    raise SystemExit("Migrations are run by `doorstep db`; see `doorstep db --help`.")

context.configure(**run.options())
with context.begin_transaction():
    context.run_migrations()
