"""What staff see in the back office: checklists, batches, houses, inspections, defects, notices, papers."""

from __future__ import annotations

from plugins.handover.admin.batches import (
    BatchView,
)
from plugins.handover.admin.checklists import (
    DefectCodeView,
    ItemView,
    TemplateView,
)
from plugins.handover.admin.common import (
    BATCHES,
    NUMBER_SEARCH,
    PHASES,
    REFUSALS,
    TEMPLATES,
    HandoverView,
    day,
    refusal_of,
    severity_mark,
    status,
    tones,
)
from plugins.handover.admin.defects import (
    COUNTED_AT_ONCE,
    Conditions,
    DefectView,
    OverdueFilter,
    defect_problem,
    overdue_count,
    state_mark,
    take_defect_step,
)
from plugins.handover.admin.houses import (
    HandoverUnitView,
)
from plugins.handover.admin.inspections import (
    InspectionView,
)
from plugins.handover.admin.notices import (
    NoticeView,
    notice_mark,
    running_notices,
    take_notice_step,
)
from plugins.handover.admin.papers import (
    BookFactsView,
    HouseFormView,
    UserManualView,
    standing_of,
)
from plugins.handover.admin.reports import (
    DailyReportView,
    TowerView,
)

__all__ = [
    "BATCHES",
    "COUNTED_AT_ONCE",
    "NUMBER_SEARCH",
    "PHASES",
    "REFUSALS",
    "TEMPLATES",
    "BatchView",
    "BookFactsView",
    "Conditions",
    "DailyReportView",
    "DefectCodeView",
    "DefectView",
    "HandoverUnitView",
    "HandoverView",
    "HouseFormView",
    "InspectionView",
    "ItemView",
    "NoticeView",
    "OverdueFilter",
    "TemplateView",
    "TowerView",
    "UserManualView",
    "day",
    "defect_problem",
    "notice_mark",
    "overdue_count",
    "refusal_of",
    "running_notices",
    "severity_mark",
    "standing_of",
    "state_mark",
    "status",
    "take_defect_step",
    "take_notice_step",
    "tones",
]
