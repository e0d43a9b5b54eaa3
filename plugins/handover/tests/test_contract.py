"""The contract of every plugin."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from flask import current_app

from core.testing.contract import PluginContract
from core.toolkit import Department, Project, Unit, db, local_today, utc_now
from plugins.contractors import services as contractors
from plugins.handover import catalogue, services
from plugins.handover.models import (
    DefectCode,
    FeeKind,
    FormKind,
    HandoverUnit,
    HandoverVisit,
    InspectionKind,
    InspectionTemplate,
    KeyKind,
    Severity,
    Station,
    StationLog,
)
from plugins.handover.preparation.models import (
    ContactMeans,
    FeeMethod,
    FeeRule,
    LetterKind,
    PlanStep,
    RiskCategory,
)
from plugins.handover.preparation.services import charges, contacts, letters, plan, risks

TEXTS = tuple(name for name in services.FACTS if name != "design_life_years")


def day_of_a_house(place, canary):
    """A visit with its stations, fees, papers, keys and a loan, and a form that can be signed."""
    place.attorney_name, place.attorney_document = canary[:80], canary[:120]
    place.arrived_at = utc_now()
    visit = HandoverVisit(project_id=place.project_id, handover_unit_id=place.id, arrived_at=place.arrived_at)
    db.session.add(visit)
    db.session.flush()
    db.session.add(
        StationLog(
            project_id=place.project_id,
            visit_id=visit.id,
            station=Station.SIGN_IN,
            entered_at=visit.arrived_at,
            left_at=visit.arrived_at,
        )
    )
    services.add_fee(place, FeeKind.PARKING, Decimal(100), canary[:200])
    fee = services.add_fee(place, FeeKind.OTHER, Decimal(200), canary[:200])
    services.pay_fee(fee, canary[:60])
    services.prepare_papers(place, canary[:30])
    services.register_keys(place, KeyKind.ENTRY, 2, canary[:40])
    loan = services.lend_keys(place, canary[:80], canary[:200], 1)
    services.take_keys_back(loan, canary[:40])
    return services.prepare_form(place, FormKind.KEY_RECEIPT)


class TestContract(PluginContract):
    slug = "handover"
    unscoped_kinds = frozenset({"handover.defect_code"})
    city_kinds = frozenset({"handover.template", "handover.item", "handover.plan_step"})
    job_columns_that_differ = frozenset(
        {
            "personal_link.token_hash",
            "personal_link.fact_hash",
            "issued_document.sha256",
            "issued_document.size",
            "issued_document.stored_key",
            "issued_document.verification_code",
            "message.secrets",
            "message.idempotency_key",
        }
    )

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
        step = db.session.query(PlanStep).filter_by(department_id=city.id).first()
        if step is None:
            step = PlanStep(
                department_id=city.id,
                code="own",
                offset_days=-30,
                title=rows.canary if is_foreign else "寄发通知书",
                required=True,
            )
            db.session.add(step)
            db.session.flush()
        batch = services.create_batch(
            project,
            code=f"B{project.code}",
            name=rows.canary,
            note=rows.canary,
            delivery_on=dt.date(2026, 12, 20),
            place=rows.canary,
            account=rows.canary,
        )
        (place,) = services.add_units(batch, [unit])
        unit.price, unit.gross_area_contract = Decimal(1_000_000), Decimal(100)
        unit.gross_area_measured = Decimal(104)
        rule = FeeRule(
            project_id=project.id,
            kind=FeeKind.PROPERTY_FEE,
            method=FeeMethod.FIXED,
            rate=Decimal(300),
            note=rows.canary,
        )
        db.session.add(rule)
        db.session.flush()
        risk = risks.items_of(batch)[RiskCategory.FEES][0]
        risk.finding = rows.canary
        contacts.note_attempt(place, ContactMeans.PHONE, reached=False, note=rows.canary)
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
        manual = services.draft_manual(project, rows.canary[:40])
        services.change_manual(manual, dict.fromkeys(services.CHAPTERS, rows.canary))
        services.publish_manual(manual)
        facts = services.save_facts(project, unit.building, dict.fromkeys(TEXTS, rows.canary[:40]))
        form = day_of_a_house(place, rows.canary)
        report = services.prepare_report(batch, local_today())
        report.note = rows.canary
        return {
            "handover.form": form,
            "handover.daily_report": report,
            "handover.book_facts": facts,
            "handover.manual": manual,
            "handover.template": template,
            "handover.item": template.items[0],
            "handover.defect_code": db.session.query(DefectCode).filter_by(code="D01").one(),
            "handover.batch": batch,
            "handover.unit": place,
            "handover.inspection": inspection,
            "handover.defect": defect,
            "handover.notice": notice,
            "core.unit": unit,
            "core.building": unit.building,
            "handover.plan_step": step,
            "handover.plan_task": plan.tasks_of(batch)[0],
            "handover.risk": risk,
            "handover.fee_rule": rule,
            "handover.area": charges.compute_area(place),
        }

    def start_jobs(self, world, rows):
        def letters_of_a_batch():
            for seed in current_app.extensions["doorstep"].declared.seed_data():
                seed.load()
            place = db.session.query(HandoverUnit).filter_by(project_id=rows.project_id).first()
            letters.start(place.batch, [place.id], LetterKind.NOTICE, by_message=True, by_letter=True)

        return {letters.JOB: letters_of_a_batch}
