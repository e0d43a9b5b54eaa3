"""What the module stores: clocks of houses, requests and orders, visits, plans, costs, notices, retention money.

Every row of a project carries ``project_id`` beside its parent's key, and the foreign key holds both: the database
itself refuses a child in another project than its parent.
"""

from __future__ import annotations

from plugins.warranty.models.base import Base, ToldHow
from plugins.warranty.models.cases import CaseKind, GroupCase
from plugins.warranty.models.coverage import (
    CitySeason,
    ExpiryNotice,
    HouseStart,
    HouseWarranty,
    Promise,
    TakeOver,
)
from plugins.warranty.models.money import (
    ContractorNotice,
    Deduction,
    EntryKind,
    ReleaseRequest,
    RetentionAccount,
    RetentionEntry,
    ThirdPartyRepair,
)
from plugins.warranty.models.orders import (
    ORDER_SEARCH,
    REQUEST_SEARCH,
    Channel,
    Exclusion,
    Order,
    OrderEvent,
    Relation,
    Request,
    Responsibility,
    Saying,
)
from plugins.warranty.models.reports import MonthlyReport
from plugins.warranty.models.stock import SpareMove, SparePart
from plugins.warranty.models.work import (
    Acceptance,
    AcceptanceKind,
    CallBack,
    CostKind,
    CostLine,
    Escalation,
    Extension,
    Plan,
    Visit,
    VisitPurpose,
    VisitState,
)

__all__ = [
    "ORDER_SEARCH",
    "REQUEST_SEARCH",
    "Acceptance",
    "AcceptanceKind",
    "Base",
    "CallBack",
    "CaseKind",
    "Channel",
    "CitySeason",
    "ContractorNotice",
    "CostKind",
    "CostLine",
    "Deduction",
    "EntryKind",
    "Escalation",
    "Exclusion",
    "ExpiryNotice",
    "Extension",
    "GroupCase",
    "HouseStart",
    "HouseWarranty",
    "MonthlyReport",
    "Order",
    "OrderEvent",
    "Plan",
    "Promise",
    "Relation",
    "ReleaseRequest",
    "Request",
    "Responsibility",
    "RetentionAccount",
    "RetentionEntry",
    "Saying",
    "SpareMove",
    "SparePart",
    "TakeOver",
    "ThirdPartyRepair",
    "ToldHow",
    "Visit",
    "VisitPurpose",
    "VisitState",
]
