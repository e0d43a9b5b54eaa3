"""The contract, kept by the sample plugin; run by tests/plugin_system/test_contract.py with the plugin on the path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from core.testing import ProjectRows, World
from core.testing.contract import PluginContract
from core.toolkit import db


@pytest.fixture(scope="session")
def app_settings(app_settings: dict[str, Any]) -> dict[str, Any]:
    """Faults of other plugins of this environment are not the subject here."""
    return app_settings | {"PLUGINS_STRICT": False}


class TestGood(PluginContract):
    slug = "good"

    def make_records(self, world: World, rows: ProjectRows) -> Mapping[str, Any]:
        from sample_good.models import Note

        note = Note(
            project_id=rows.project_id,
            customer_id=rows.customer_ids[0],
            text=f"{rows.canary}客户101 {rows.phones[0]}",
        )
        db.session.add(note)
        return {"good.note": note}
