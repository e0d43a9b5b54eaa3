"""The story that the demo data tells, and the order in which it is written."""

from __future__ import annotations

import datetime as dt
import random
import secrets
from dataclasses import dataclass, field
from decimal import Decimal

import sqlalchemy as sa

from core.customers import services as customers
from core.customers.models import Customer, CustomerKind, CustomerUnit, UnitRole
from core.database.scope import Scope, all_departments, use_scope
from core.database.types import Wording, local_today
from core.demo import office, people_names
from core.extensions import db
from core.machinery.messages import services as messages
from core.people import services as people
from core.people.models import Department, DepartmentKind, Role, User
from core.people.settings import set_setting
from core.plugin_system import switching
from core.plugin_system.runtime import current_runtime
from core.projects import services as projects
from core.projects.models import Building, Decoration, Project, Unit
from core.promises import services as promises
from core.timeline import services as timeline

SEED = 20261123
DEMO_DOMAIN = "demo.doorstep.example"

LAYOUTS = {
    "01": ("三房两厅一卫", Decimal("89.36"), Decimal("70.12"), "南"),
    "02": ("三房两厅两卫", Decimal("115.08"), Decimal("91.47"), "南北"),
    "03": ("四房两厅两卫", Decimal("128.52"), Decimal("102.90"), "东南"),
    "04": ("两房两厅一卫", Decimal("78.20"), Decimal("61.05"), "北"),
}


@dataclass(frozen=True)
class Account:
    """One member of staff of the story."""

    login: str
    name: str
    role: str
    department: str
    duty: str


STAFF = (
    Account("zhou.ming", "周明", "ADMIN", "SOUTH", "系统管理员 administrator"),
    Account("lin.lan", "林岚", "HEAD", "SZ", "客户关系负责人 head, switches modules"),
    Account("chen.yu", "陈宇", "PCM", "SZ-CS", "项目客服经理 customer-service manager"),
    Account("wu.jing", "吴静", "CCS", "SZ-CS", "客服专员 customer service"),
    Account("he.xin", "何欣", "CCS", "SZ-CS", "客服专员 customer service"),
    Account("xu.tao", "徐涛", "MKT", "SZ-MK", "营销经理 marketing"),
    Account("luo.dan", "罗丹", "FIN", "SZ-MK", "财务 finance"),
    Account("hu.min", "胡敏", "COST", "SZ-EN", "成本 cost"),
    Account("zhao.lei", "赵磊", "ENG", "SZ-EN", "工程师 engineer"),
    Account("sun.hao", "孙浩", "ENG", "SZ-EN", "工程师 engineer"),
    Account("liang.bo", "梁博", "ENG", "SZ-EN", "工程师 engineer"),
    Account("tang.min", "唐敏", "PM", "SZ-PM", "物业管家 property service"),
    Account("feng.jie", "冯杰", "PM", "SZ-PM", "物业管家 property service"),
    Account("gao.jun", "高军", "APR", "SZ", "分管副总经理 deputy general manager"),
    Account("deng.yun", "邓云", "BCS", "SOUTH", "区域品牌客服 brand and customer service of the region"),
    Account("song.ping", "宋平", "HEAD", "SOUTH", "区域总裁 regional president"),
)


@dataclass
class Demo:
    """What the core made; plugins build their demo data on it.

    Attributes:
        today: The day on which the story is told; all dates are relative to it.
        random: A seeded source of chance, so that two installations tell the same story.
        city: The city company.
        departments: Departments by code.
        users: Users by login; :meth:`user_of` finds one by role.
        project: The project 云栖湾.
        buildings: Its three buildings.
        units: Its 600 units, by building, entrance, floor and number.
        customers: Its buyers.
    """

    today: dt.date
    random: random.Random
    departments: dict[str, Department] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    city: Department = field(init=False)
    project: Project = field(init=False)
    buildings: list[Building] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    customers: list[Customer] = field(default_factory=list)

    def users_of(self, role: str) -> list[User]:
        """Return the users of a role code, for example ``ENG``."""
        return [self.users[account.login] for account in STAFF if account.role == role]

    def user_of(self, role: str) -> User:
        """Return the first user of a role code."""
        return self.users_of(role)[0]


class DemoExistsError(RuntimeError):
    """The database holds departments already; demo data would mix with them."""


def tell(today: dt.date | None = None) -> Demo:
    """Write the demo data of the core and of every healthy plugin, switch the plugins on, and return what was made.

    Args:
        today: The day on which the story is told.

    Raises:
        DemoExistsError: There are departments already.
    """
    if db.session.scalar(sa.select(sa.func.count(Department.id))):
        raise DemoExistsError("This database holds departments already, so no demo data was written.")
    demo = Demo(today=today or local_today(), random=random.Random(SEED))
    with all_departments("演示数据"):
        _organisation(demo)
        _project(demo)
        _buyers(demo)
        _promises(demo)
        db.session.commit()
        runtime = current_runtime()
        city = demo.departments["SZ"]
        for plugin in runtime.healthy():
            switching.switch_on(plugin.slug, city.id)
            db.session.commit()
        for declaration in runtime.declared.demo_data():
            declaration.load(demo)
            db.session.commit()
        _messages(demo)
        db.session.commit()
        office.tell(demo)
    return demo


def _messages(demo: Demo) -> None:
    """Write to some owners; the worker sends it, and of one message nobody knows whether it was sent."""
    writer = demo.user_of("PCM")
    # As the system: the manager of a group cannot change what the company above sets.
    set_setting("core", "service_phone", "400-800-1234", demo.city)
    scope = Scope(writer.id, demo.departments["SZ-CS"].id, None, None, reason="演示数据")
    with use_scope(scope):
        owners = [customer for customer in demo.customers if customer.phone][:24]
        batch = messages.draft_batch([customer.id for customer in owners])
        batch.template, batch.title = "core.confirm_contact", "交付前联系方式核对"
        for customer in owners:
            messages.write_of_batch(batch, customer)
        office.message_states(batch, owners)


_PROMISED = (
    ("小区中心设恒温游泳池，业主凭卡免费使用", "A", "advertisement", "项目楼书", None),
    ("地下车库至各单元电梯直达", "B", "sample_house", "样板房展板", None),
    ("交付时附送主卧窗帘一套", "C", "consultant", "销售顾问 许涛", 45),
    ("厨房吊柜改为到顶，不另收费", "C", "consultant", "销售顾问 许涛", -6),
    ("每季度寄送一次工程进度家书", "D", "letter", "项目客服经理 陈宇", 20),
)


def _promises(demo: Demo) -> None:
    """Register what was promised to everybody, and to three buyers; one was kept."""
    buyers = db.session.scalars(
        sa.select(CustomerUnit).where(CustomerUnit.cancelled_on.is_(None)).order_by(CustomerUnit.id).limit(3)
    ).all()
    made = []
    for number, (text, stage, source, said_by, days) in enumerate(_PROMISED):
        buyer = buyers[number - 2] if number >= 2 else None
        made.append(
            promises.register_promise(
                demo.project,
                text,
                stage=stage,
                source=source,
                said_by=said_by,
                made_on=demo.today - dt.timedelta(days=200 - 20 * number),
                due_on=None if days is None else demo.today + dt.timedelta(days=days),
                unit=buyer.unit if buyer is not None else None,
                customer=buyer.customer if buyer is not None else None,
            )
        )
    promises.settle_promise(made[1], "kept", "竣工验收时逐单元核对，全部直达。")
    timeline.assign_touchpoint(
        "TP-D03",
        buyers[0].unit,
        _said("电话回访：施工进度与交付时间", "Call back: progress of the works and time of the handover"),
        department=demo.city,
        due_at=dt.datetime.combine(demo.today, dt.time(9), dt.UTC),
    )


def _said(chinese: str, english: str) -> Wording:
    """Return what the story says, for readers of either language."""
    return Wording({"zh_Hans_CN": chinese, "en": english})


def new_password() -> str:
    """Return a password of four groups, easy to type and long enough."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _i in range(4)) for _group in range(4))


def _organisation(demo: Demo) -> None:
    region = people.create_department(
        kind=DepartmentKind.REGION, code="SOUTH", name="华南区域公司", name_en="South Region"
    )
    city = people.create_department(
        kind=DepartmentKind.CITY, code="SZ", name="深圳公司", name_en="Shenzhen Company", parent=region
    )
    demo.departments |= {"SOUTH": region, "SZ": city}
    for code, name, name_en in (
        ("SZ-CS", "客户服务组", "Customer Service"),
        ("SZ-MK", "营销与财务组", "Marketing and Finance"),
        ("SZ-EN", "工程部", "Engineering"),
        ("SZ-PM", "物业服务中心", "Property Service"),
    ):
        demo.departments[code] = people.create_department(
            kind=DepartmentKind.GROUP, code=code, name=name, name_en=name_en, parent=city
        )
    demo.city = city
    roles = {role.name: role for role in db.session.scalars(sa.select(Role))}
    for account in STAFF:
        # The administrator of the region starts where the modules are on.
        acting = "SZ" if account.department == "SOUTH" else account.department
        password = new_password()
        user = people.create_user(
            email=f"{account.login}@{DEMO_DOMAIN}", name=account.name, password=password, phone=None
        )
        people.grant(user, demo.departments[account.department], roles[account.role])
        people.set_acting_department(user, demo.departments[acting].id)
        demo.users[account.login] = user
        demo.passwords[user.email] = password
    db.session.flush()


def _project(demo: Demo) -> None:
    city = demo.departments["SZ"]
    accepted = demo.today - dt.timedelta(days=40)
    contract_delivery = demo.today + dt.timedelta(days=24)
    project = projects.create_project(
        department=city,
        code="YQW",
        name="云栖湾",
        name_en="Cloud Bay",
        developer_name="深圳云栖湾置业有限公司",
        address="深圳市南山区云栖路 18 号",
        sales_opening_on=demo.today - dt.timedelta(days=800),
    )
    demo.project = project
    phase = projects.create_phase(project, "2", "二期")
    for code in ("1", "2", "3"):
        building = projects.create_building(
            phase, code, f"{code}栋", total_floors=25, completion_accepted_on=accepted
        )
        demo.buildings.append(building)
        for entrance in ("1", "2"):
            for floor in range(1, 26):
                for room, (layout, gross, net, orientation) in LAYOUTS.items():
                    number = f"{floor}{room}"
                    demo.units.append(
                        Unit(
                            project_id=project.id,
                            building_id=building.id,
                            entrance=entrance,
                            floor=floor,
                            number=number,
                            code=projects.unit_code(code, entrance, number),
                            layout=layout,
                            orientation=orientation,
                            decoration=Decoration.FITTED,
                            gross_area_contract=gross,
                            gross_area_measured=gross
                            + Decimal(demo.random.choice(("-0.21", "0.00", "0.00", "0.18"))),
                            net_area=net,
                            price=(gross * demo.random.randint(58, 72) * 1000).quantize(Decimal(1)),
                            contract_delivery_on=contract_delivery,
                        )
                    )
    db.session.add_all(demo.units)
    db.session.flush()


def _buyers(demo: Demo) -> None:
    chance = demo.random
    sold = sorted(chance.sample(demo.units, 395), key=lambda unit: unit.id)
    couples = set(chance.sample(range(len(sold)), 25))
    serial = 0
    for position, unit in enumerate(sold):
        subscribed = demo.today - dt.timedelta(days=chance.randint(420, 780))
        signed = subscribed + dt.timedelta(days=chance.randint(3, 9))
        for joint in range(2 if position in couples else 1):
            serial += 1
            customer = _buyer(demo, serial)
            demo.customers.append(customer)
            db.session.add(
                CustomerUnit(
                    project_id=unit.project_id,
                    unit_id=unit.id,
                    customer_id=customer.id,
                    role=UnitRole.JOINT_OWNER if joint else UnitRole.BUYER,
                    share_percent=Decimal(50) if position in couples else Decimal(100),
                    subscribed_on=subscribed,
                    signed_on=signed,
                    contract_number=f"深（南）网预售字（{signed.year}）第 {10000 + position} 号"
                    if joint == 0
                    else "",
                    from_date=signed,
                )
            )
            customer.life_cycle = "waiting"
            if joint == 0:
                _history(demo, customer, unit, subscribed, signed)
    db.session.flush()


def _buyer(demo: Demo, serial: int) -> Customer:
    chance = demo.random
    phone = people_names.mobile_number(serial)
    if serial % 105 == 0:
        return customers.register_customer(
            project=demo.project,
            kind=CustomerKind.COMPANY,
            name=people_names.COMPANIES[serial // 105 - 1],
            phone=phone,
            credit_code=people_names.credit_code(serial),
            source="自然到访",
        )
    born_on = people_names.birthday(chance, demo.today)
    return customers.register_customer(
        project=demo.project,
        name=people_names.person_name(chance),
        phone=phone,
        identity_number=people_names.identity_number(chance, born_on),
        born_on=born_on,
        address="深圳市"
        + chance.choice(("南山区", "福田区", "宝安区", "龙华区"))
        + f"示例路 {chance.randint(1, 300)} 号",
        source=chance.choice(("自然到访", "老业主推荐", "网络", "渠道")),
    )


def _history(demo: Demo, customer: Customer, unit: Unit, subscribed: dt.date, signed: dt.date) -> None:
    def at(day: dt.date, hour: int) -> dt.datetime:
        return dt.datetime.combine(day, dt.time(hour - 8, demo.random.randint(0, 59)), dt.UTC)

    customers.give_consent(customer, "purchase", channel="sales_office", notice_version="2024-01")
    timeline.write(
        "core.milestone",
        _said(f"认购 {unit.code}", f"Reserved {unit.code}"),
        customer=customer,
        unit=unit,
        touchpoint_code="TP-C01",
        happened_at=at(subscribed, 15),
    )
    timeline.write(
        "core.milestone",
        _said(f"签署 {unit.code} 商品房买卖合同", f"Signed the contract of sale of {unit.code}"),
        customer=customer,
        unit=unit,
        touchpoint_code="TP-C05",
        happened_at=at(signed, 11),
    )
    if demo.random.random() < 0.4:
        timeline.write(
            "core.milestone",
            _said(
                "寄送工程进度家书：主体结构封顶",
                "Sent the letter about the works: the structure is topped out",
            ),
            customer=customer,
            unit=unit,
            touchpoint_code="TP-D01",
            happened_at=at(demo.today - dt.timedelta(days=demo.random.randint(60, 300)), 10),
        )
