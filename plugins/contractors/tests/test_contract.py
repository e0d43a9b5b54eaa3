"""The contract of every plugin."""

from __future__ import annotations

from core.testing.contract import PluginContract
from core.toolkit import Building, Department, Project, db
from plugins.contractors import services


class TestContract(PluginContract):
    slug = "contractors"
    unscoped_kinds = frozenset({"contractors.trade"})
    city_kinds = frozenset({"contractors.company", "contractors.contact"})

    def make_records(self, world, rows):
        services.load_trades()
        project = db.session.get_one(Project, rows.project_id)
        city = db.session.get_one(Department, project.department_id)
        # Companies belong to the city, so only those of the other city hold its project's canary.
        name = rows.canary if rows is world.foreign else f"某公司{project.code}"
        company = services.register_company(department=city, name=name, note=name)
        contact = services.add_contact(company, name=f"{name}某人"[:60], phone="19900000001", project=project)
        trade = services.trade_by_code("gas")
        services.set_responsible(
            db.session.get_one(Building, rows.building_id), trade, company, contract_number=rows.canary
        )
        return {
            "contractors.company": company,
            "contractors.contact": contact,
            "contractors.trade": trade,
            "core.project": project,
        }
