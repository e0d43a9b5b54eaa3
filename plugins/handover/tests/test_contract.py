"""The contract of every plugin."""

from __future__ import annotations

from core.testing.contract import PluginContract
from core.toolkit import Department, Project, Unit, db
from plugins.contractors import services as contractors
from plugins.handover import catalogue, services
from plugins.handover.models import DefectCode, InspectionKind, InspectionTemplate, Severity


class TestContract(PluginContract):
    slug = "handover"
    unscoped_kinds = frozenset({"handover.defect_code"})
    city_kinds = frozenset({"handover.template", "handover.item"})

    def make_records(self, world, rows):
        catalogue.load_reference_data()
        contractors.load_trades()
        project = db.session.get_one(Project, rows.project_id)
        city = db.session.get_one(Department, project.department_id)
        unit = db.session.get_one(Unit, rows.unit_ids[0])
        is_foreign = rows is world.foreign
        template = db.session.query(InspectionTemplate).filter_by(department_id=city.id).first()
        if template is None:
            template = InspectionTemplate(
                department_id=city.id,
                code="own",
                name=rows.canary if is_foreign else "本市检查表",
                state="draft",
            )
            db.session.add(template)
            db.session.flush()
            template.items.append(
                catalogue.TemplateItem(
                    department_id=city.id,
                    code="X1",
                    name=rows.canary if is_foreign else "检查项",
                    rooms=["BTH"],
                )
            )
            db.session.flush()
        batch = services.create_batch(project, code=f"B{project.code}", name=rows.canary, note=rows.canary)
        (place,) = services.add_units(batch, [unit])
        inspection = services.plan_inspection(
            unit, InspectionKind.MOCK, companions=rows.canary, attorney_name=rows.canary
        )
        inspection.customer_id = rows.customer_ids[0]
        services.start_inspection(inspection)
        name = rows.canary if is_foreign else f"某单位{project.code}"
        company = contractors.register_company(department=city, name=name)
        defect = services.register_defect(
            unit,
            room_name=rows.canary[:60],
            codes=["D01"],
            description=rows.canary,
            severity=Severity.S3,
            contractor=company,
        )
        (notice,) = services.create_notices([defect])
        notice.note = rows.canary
        return {
            "handover.template": template,
            "handover.item": template.items[0],
            "handover.defect_code": db.session.query(DefectCode).filter_by(code="D01").one(),
            "handover.batch": batch,
            "handover.unit": place,
            "handover.inspection": inspection,
            "handover.defect": defect,
            "handover.notice": notice,
            "core.unit": unit,
        }
