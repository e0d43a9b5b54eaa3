"""What the module stores: checklists, batches and their houses, the handover day, inspections, defects, notices.

Every row of a project carries ``project_id`` beside its parent's key, and the foreign key holds both: the database
itself refuses a child in another project than its parent.
"""

from __future__ import annotations

from plugins.handover.models.base import Base, place_key, unit_key
from plugins.handover.models.batches import (
    BatchMode,
    FeeState,
    HandoverBatch,
    HandoverUnit,
    KeysState,
    PapersState,
    Product,
)
from plugins.handover.models.catalogue import (
    DefectCode,
    InspectionTemplate,
    Severity,
    TemplateItem,
    TemplateRoom,
    TemplateState,
)
from plugins.handover.models.day import (
    FeeItem,
    FeeKind,
    HandoverVisit,
    IssuedPaper,
    KeyKind,
    KeyLoan,
    KeyRecord,
    PaperKind,
    Station,
    StationLog,
)
from plugins.handover.models.defects import (
    DEFECT_SEARCH,
    Defect,
    DefectFault,
    DefectRecheck,
    DefectSource,
)
from plugins.handover.models.inspections import (
    INSPECTION_SEARCH,
    FinishedInspectionError,
    Inspection,
    InspectionKind,
    InspectionResult,
    InspectionRoom,
    InspectionState,
    Opinion,
    Verdict,
)
from plugins.handover.models.notices import (
    NOTICE_SEARCH,
    NoticeLine,
    RectificationNotice,
)
from plugins.handover.models.papers import (
    DEVELOPER,
    OWNER,
    PROPERTY,
    BookFacts,
    DailyReport,
    FormKind,
    HouseForm,
    UserManual,
)

__all__ = [
    "DEFECT_SEARCH",
    "DEVELOPER",
    "INSPECTION_SEARCH",
    "NOTICE_SEARCH",
    "OWNER",
    "PROPERTY",
    "Base",
    "BatchMode",
    "BookFacts",
    "DailyReport",
    "Defect",
    "DefectCode",
    "DefectFault",
    "DefectRecheck",
    "DefectSource",
    "FeeItem",
    "FeeKind",
    "FeeState",
    "FinishedInspectionError",
    "FormKind",
    "HandoverBatch",
    "HandoverUnit",
    "HandoverVisit",
    "HouseForm",
    "Inspection",
    "InspectionKind",
    "InspectionResult",
    "InspectionRoom",
    "InspectionState",
    "InspectionTemplate",
    "IssuedPaper",
    "KeyKind",
    "KeyLoan",
    "KeyRecord",
    "KeysState",
    "NoticeLine",
    "Opinion",
    "PaperKind",
    "PapersState",
    "Product",
    "RectificationNotice",
    "Severity",
    "Station",
    "StationLog",
    "TemplateItem",
    "TemplateRoom",
    "TemplateState",
    "UserManual",
    "Verdict",
    "place_key",
    "unit_key",
]
