"""The contract of every plugin."""

from __future__ import annotations

import datetime as dt

from core.testing.contract import PluginContract
from core.toolkit import Building, Department, Project, Unit, db, record_delivery
from plugins.contractors import services as contractors
from plugins.warranty import services
from plugins.warranty.coverage import System
from plugins.warranty.models import HouseWarranty


class TestContract(PluginContract):
    slug = "warranty"
    city_kinds = frozenset({"warranty.season"})

    def make_records(self, world, rows):
        contractors.load_trades()
        project = db.session.get_one(Project, rows.project_id)
        city = db.session.get_one(Department, project.department_id)
        unit = db.session.get_one(Unit, rows.unit_ids[0])
        is_foreign = rows is world.foreign
        record_delivery(unit, dt.date(2024, 3, 15))
        services.refresh_lines(unit)
        line = db.session.query(HouseWarranty).filter_by(unit_id=unit.id, category_code="W02").one()
        season = services.set_season(
            city, System.HEATING, (11, 15), (3, 15), rows.canary if is_foreign else "采暖期"
        )
        return {
            "warranty.line": line,
            "warranty.promise": services.promise_term(project, "W02", 96, basis=rows.canary),
            "warranty.season": season,
            "warranty.take_over": services.take_over(
                db.session.get_one(Building, rows.building_id), dt.date(2024, 6, 1)
            ),
            "core.unit": unit,
        }
