"""A plugin that fails when it is called: with an error of the database, or by asking the process to end."""

import sqlalchemy as sa

from core.toolkit import Manifest, TouchpointFact, db, hookimpl

manifest = Manifest(slug="broken_hook", name="Broken hook", version="1.0.0", api=1)


@hookimpl
def touchpoint_reached(fact: TouchpointFact) -> None:
    if fact.details.get("exit"):
        raise SystemExit(3)
    if fact.details.get("commit"):
        db.session.commit()
        return
    db.session.execute(sa.select(sa.literal_column("no_such_column")))


@hookimpl
def customer_erased(customer_id: int) -> None:
    raise RuntimeError(f"cannot erase {customer_id}")
