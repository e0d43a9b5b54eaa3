"""The contract of every plugin."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from core.testing.contract import PluginContract
from core.toolkit import Building, Customer, Department, Project, Unit, db, record_delivery, utc_now
from plugins.contractors import services as contractors
from plugins.warranty import services
from plugins.warranty.coverage import System
from plugins.warranty.models import (
    Acceptance,
    CallBack,
    ContractorNotice,
    CostLine,
    Deduction,
    Escalation,
    ExpiryNotice,
    Extension,
    HouseWarranty,
    Plan,
    ReleaseRequest,
    RetentionAccount,
    ThirdPartyRepair,
    Visit,
)
from plugins.warranty.services import cases, intake, reports, stock
from plugins.warranty.services.intake import Issue


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
        name = rows.canary if is_foreign else f"某单位{project.code}"
        company = contractors.register_company(department=city, name=name)
        building = db.session.get_one(Building, rows.building_id)
        contractors.set_responsible(building, contractors.trade_by_code("main_contractor"), company)
        customer = db.session.get_one(Customer, rows.customer_ids[0])
        request = intake.register_request(
            issues=[Issue("bathroom_leak", rows.canary, rows.canary[:60]), Issue("wall_crack", rows.canary)],
            unit=unit,
            customer=customer,
            reporter_name=customer.name,
            reporter_phone=customer.phone,
            availability=customer.phone,
            note=customer.name,
        )
        order, second = request.orders
        order.state, order.contractor_id = "dispatched", company.id
        case = cases.open_case(
            [second, intake.add_issue(request, Issue("wall_crack", rows.canary))], rows.canary
        )
        # The system holds no rights, so what services refuse to it is written down here.
        now, owned = utc_now(), {"project_id": project.id, "contractor_id": company.id}
        notice = ContractorNotice(
            **owned, order_id=order.id, number=f"WT-{project.code}-1", stage=1, demand=rows.canary,
            issued_at=now, answer_due_at=now, served_how=rows.canary,
        )  # fmt: skip
        deduction = Deduction(
            **owned, order_id=order.id, number=f"KK-{project.code}-1", cost=Decimal(800), fee_percent=Decimal(15),
            fee=Decimal(120), amount=Decimal(920), reason=rows.canary,
        )  # fmt: skip
        account = RetentionAccount(
            **owned, contract_number=rows.canary, settlement=Decimal(100_000), percent=Decimal(3),
            total=Decimal(3000), starts_on=dt.date(2023, 12, 20), ends_on=dt.date(2025, 12, 19), note=rows.canary,
        )  # fmt: skip
        db.session.add_all([notice, deduction, account])
        db.session.flush()
        of_order = {"project_id": project.id, "order_id": order.id}
        visit = Visit(
            **of_order, booked_from=now, booked_to=now, arrived_at=now, left_at=now, state="done", persons=rows.canary,
            findings=rows.canary, materials=rows.canary, minutes=30, return_reason=rows.canary,
        )  # fmt: skip
        plan = Plan(**of_order, method=rows.canary, days=2, crew=rows.canary, signed_name=customer.name)
        extension = Extension(
            **of_order,
            old_date=now,
            new_date=now + dt.timedelta(days=3),
            reason=rows.canary,
            told_how=rows.canary,
        )
        acceptance = Acceptance(
            **of_order, kind="owner", passed=True, score=5, work_done=rows.canary, note=rows.canary,
            signer_name=customer.name,
        )  # fmt: skip
        third_party = ThirdPartyRepair(
            **of_order, company_name=rows.canary, quotation=Decimal(900), ordered_at=now, site_due_at=now,
            invoice_number=rows.canary, invoice_amount=Decimal(880),
        )  # fmt: skip
        children = [
            CallBack(**of_order, reached=True, score=5, note=rows.canary),
            CostLine(
                **of_order, kind="labour", description=rows.canary, amount=Decimal(120), borne_by="developer",
                spent_on=dt.date(2026, 11, 1),
            ),
            Escalation(**of_order, step="media", reason=rows.canary),
        ]  # fmt: skip
        db.session.add_all([visit, plan, extension, acceptance, third_party, *children])
        db.session.flush()
        release = ReleaseRequest(
            project_id=project.id, account_id=account.id, number=f"ZT-{project.code}-1", amount=Decimal(3000),
            requested_on=dt.date(2026, 1, 1), answer_due_on=dt.date(2026, 1, 15), decision=rows.canary,
        )  # fmt: skip
        db.session.add(release)
        db.session.flush()
        expiry = ExpiryNotice(
            project_id=project.id, unit_id=unit.id, ends_on=dt.date(2026, 3, 14), categories="W06",
            told_how=rows.canary[:80],
        )  # fmt: skip
        db.session.add(expiry)
        db.session.flush()
        return {
            "warranty.expiry": expiry,
            "warranty.line": line,
            "warranty.promise": services.promise_term(project, "W02", 96, basis=rows.canary),
            "warranty.season": season,
            "warranty.take_over": services.take_over(building, dt.date(2024, 6, 1)),
            "warranty.request": request,
            "warranty.order": order,
            "warranty.visit": visit,
            "warranty.plan": plan,
            "warranty.extension": extension,
            "warranty.acceptance": acceptance,
            "warranty.third_party": third_party,
            "warranty.notice": notice,
            "warranty.deduction": deduction,
            "warranty.retention": account,
            "warranty.release": release,
            "warranty.case": case,
            "warranty.part": stock.add_part(project, name=rows.canary, quantity=3),
            "warranty.report": reports.make_report(project, dt.date(2026, 11, 1), rows.canary),
            "core.unit": unit,
        }
