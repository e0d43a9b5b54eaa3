"""The contractors of the demo story: eight companies, their contacts, and the matrix of the three buildings."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from plugins.contractors import services
from plugins.contractors.models import MAIN_TRADE, Company, CompanyKind, ContactRole, Trade


@dataclass(frozen=True)
class _Firm:
    short_name: str
    name: str
    kind: CompanyKind
    trades: tuple[str, ...]
    warranty_phone: str
    address: str
    contacts: tuple[tuple[str, ContactRole], ...]


_MANAGER, _WARRANTY = ContactRole.PROJECT_MANAGER, ContactRole.WARRANTY_SUPERVISOR

FIRMS = (
    _Firm(
        "粤建一局",
        "广东粤建第一建筑工程示例有限公司",
        CompanyKind.GENERAL,
        (MAIN_TRADE, "tiling_masonry", "insulation", "cleaning", "documentation"),
        "400-830-0101",
        "广州市天河区示例大道 101 号",
        (("方国强", _MANAGER), ("邓志伟", _WARRANTY), ("何敏", ContactRole.OFFICE)),
    ),
    _Firm(
        "鹏城防水",
        "深圳市鹏城防水工程示例有限公司",
        CompanyKind.SPECIALIST,
        ("waterproofing",),
        "400-830-0202",
        "深圳市宝安区示例路 22 号",
        (("赖永发", _MANAGER), ("钟瑞", _WARRANTY)),
    ),
    _Firm(
        "华建装饰",
        "华建装饰设计工程（深圳）示例有限公司",
        CompanyKind.SPECIALIST,
        ("painting", "carpentry", "tiling_masonry"),
        "400-830-0303",
        "深圳市福田区示例中心 A 座 1203",
        (("曾凡", _MANAGER), ("蔡小军", _WARRANTY), ("丁涛", ContactRole.SITE_ENGINEER)),
    ),
    _Firm(
        "安泰机电",
        "深圳市安泰机电设备安装示例有限公司",
        CompanyKind.SPECIALIST,
        ("plumbing", "electrical", "hvac"),
        "400-830-0404",
        "深圳市龙岗区示例工业园 4 栋",
        (("侯建平", _MANAGER), ("叶青", _WARRANTY)),
    ),
    _Firm(
        "亮晶门窗",
        "佛山市亮晶门窗幕墙示例有限公司",
        CompanyKind.SPECIALIST,
        ("doors_windows", "metalwork"),
        "0757-82340505",
        "佛山市南海区示例镇工业大道 5 号",
        (("梁柏坚", _MANAGER), ("潘玉", _WARRANTY)),
    ),
    _Firm(
        "智联弱电",
        "深圳市智联智能化系统示例有限公司",
        CompanyKind.SPECIALIST,
        ("intelligent", "fire_protection"),
        "400-830-0606",
        "深圳市南山区示例科技园 6 栋",
        (("姚远", _MANAGER), ("杜文", _WARRANTY)),
    ),
    _Firm(
        "迅升电梯",
        "迅升电梯（中国）示例有限公司深圳分公司",
        CompanyKind.SUPPLIER,
        ("lift",),
        "400-830-0707",
        "深圳市罗湖区示例大厦 7 层",
        (("顾城", _WARRANTY),),
    ),
    _Firm(
        "绿源园林",
        "深圳市绿源园林景观示例有限公司",
        CompanyKind.SPECIALIST,
        ("landscaping",),
        "0755-82340808",
        "深圳市盐田区示例街 8 号",
        (("苏禾", _MANAGER), ("江帆", _WARRANTY)),
    ),
)

MATRIX = {
    MAIN_TRADE: "粤建一局",
    "tiling_masonry": "华建装饰",
    "painting": "华建装饰",
    "carpentry": "华建装饰",
    "waterproofing": "鹏城防水",
    "plumbing": "安泰机电",
    "electrical": "安泰机电",
    "hvac": "安泰机电",
    "doors_windows": "亮晶门窗",
    "metalwork": "亮晶门窗",
    "intelligent": "智联弱电",
    "fire_protection": "智联弱电",
    "lift": "迅升电梯",
    "insulation": "粤建一局",
    "cleaning": "粤建一局",
    "documentation": "粤建一局",
    "landscaping": "绿源园林",
}
"""Trade → company in all buildings, but for what :data:`EXCEPTIONS` says. Nobody is named for gas."""

EXCEPTIONS = {("2", "tiling_masonry"): "粤建一局", ("3", "landscaping"): None}
"""Building and trade → another company, or nobody yet."""


def load(demo: Any) -> None:
    """Register the companies and fill the matrix.

    Args:
        demo: What the core made: city company, project, buildings.
    """
    trades = {trade.code: trade for trade in services.active_trades()}
    companies = {
        firm.short_name: _register(demo, firm, number, trades) for number, firm in enumerate(FIRMS, start=1)
    }
    for building in demo.buildings:
        for code, usual in MATRIX.items():
            name = EXCEPTIONS.get((building.code, code), usual)
            if name is not None:
                services.set_responsible(
                    building,
                    trades[code],
                    companies[name],
                    valid_from=demo.today - dt.timedelta(days=40),
                    contract_number=f"YQW-2-{trades[code].position:03d}",
                    retention_note="质保金 3 %，竣工验收满两年无息退还",
                )


def _register(demo: Any, firm: _Firm, number: int, trades: dict[str, Trade]) -> Company:
    company = services.register_company(
        department=demo.city,
        name=firm.name,
        short_name=firm.short_name,
        kind=firm.kind,
        credit_code=_credit_code(number),
        address=firm.address,
        warranty_phone=firm.warranty_phone,
        trades=[trades[code] for code in firm.trades],
    )
    for position, (person, role) in enumerate(firm.contacts):
        services.add_contact(
            company,
            name=person,
            role=role,
            # 199 0000 xxxx is not given to anybody.
            phone=f"1990000{number:02d}{position:02d}",
            email=f"contact{number}{position}@contractor.example",
            project=demo.project if role != ContactRole.OFFICE else None,
        )
    return company


_CODE_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def _credit_code(number: int) -> str:
    """Return a code of the form of GB 32100 with a right check character, of an office that registers nobody."""
    body = f"91440300MA5DEMO{number:02d}".replace("O", "0")
    total = sum(_CODE_CHARACTERS.index(character) * pow(3, place, 31) for place, character in enumerate(body))
    return body + _CODE_CHARACTERS[(31 - total % 31) % 31]
