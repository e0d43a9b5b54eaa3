"""Tools for tests of Doorstep and of plugins: a pytest plugin with an application, a world to act in, and clients.

The package is loaded by pytest by itself. A test asks for what it needs::

    def test_engineer_sees_own_units(world, sign_in):
        client = sign_in("engineer")
        page = client.get("/admin/units/").text
        assert world.own.canary in page
        assert world.foreign.canary not in page
"""

from __future__ import annotations

from core.testing.importing import TriedImport, declared_importer, try_import
from core.testing.jobs import RunJob, run_pending_jobs
from core.testing.pages import repeated_ids
from core.testing.scoping import acting_as, as_system
from core.testing.staff_client import StaffClient, csrf_token, totp_code
from core.testing.world import PASSWORD, ProjectRows, World, build_world

__all__ = [
    "PASSWORD",
    "ProjectRows",
    "RunJob",
    "StaffClient",
    "TriedImport",
    "World",
    "acting_as",
    "as_system",
    "build_world",
    "csrf_token",
    "declared_importer",
    "repeated_ids",
    "run_pending_jobs",
    "totp_code",
    "try_import",
]
