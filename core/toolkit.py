"""The public interface of Doorstep for plugins: the only module of the core that a plugin imports, besides ``core.testing``.

Each name is documented where it is defined. What stands here keeps working within one major version of the interface
(``Manifest.api``); everything else of the core may change at any time. The blocks follow the layers of the core.
"""

from __future__ import annotations

# Texts
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

# Customers
from core.customers.models import Customer, CustomerKind, CustomerUnit, UnitRole
from core.customers.services import holders_of, owners_of

# Database
from core.database.base import Identified, Record, Timestamped, Versioned, big_id, plugin_base
from core.database.scope import (
    ByCustomer,
    ByDepartment,
    ByProject,
    Owned,
    Scope,
    ScopeError,
    Unscoped,
    all_departments,
    current_scope,
    require_scope,
    use_scope,
)
from core.database.types import (
    LOCAL_ZONE,
    Area,
    EncryptedText,
    Money,
    UtcDateTime,
    local_today,
    utc_now,
)
from core.extensions import db

# Machinery
from core.machinery.numbering.services import next_number
from core.machinery.workflow.services import State, Transition, TransitionRefused, Workflow, diagram

# People
from core.people.models import Department, DepartmentKind, User
from core.people.permissions import has_permission, public, require, requires
from core.people.services import department_path, departments_in_reach, users_in_reach

# The plugin engine
from core.plugin_system.declarations import (
    AdminView,
    Command,
    DemoData,
    DocumentType,
    FailurePolicy,
    Manifest,
    MenuLink,
    Panel,
    Permission,
    PublicBlueprint,
    RecordKind,
    SearchHit,
    SearchSource,
    SeedData,
    Setting,
    TimelineKind,
)
from core.plugin_system.declarations import Area as MenuArea
from core.plugin_system.gate import is_on
from core.plugin_system.hookspecs import hookimpl

# Projects
from core.projects.models import Building, Decoration, Phase, Project, Unit
from core.projects.services import completion_date, find_unit, normalise_unit_text, record_delivery

# Timeline
from core.timeline.models import TimelineEntry
from core.timeline.services import TouchpointFact, UnknownTouchpointError, reach
from core.timeline.services import write as write_timeline

__all__ = [
    "LOCAL_ZONE",
    "AdminView",
    "Area",
    "Building",
    "ByCustomer",
    "ByDepartment",
    "ByProject",
    "Command",
    "Customer",
    "CustomerKind",
    "CustomerUnit",
    "Decoration",
    "DemoData",
    "Department",
    "DepartmentKind",
    "DocumentType",
    "EncryptedText",
    "FailurePolicy",
    "Identified",
    "Manifest",
    "MenuArea",
    "MenuLink",
    "Money",
    "Owned",
    "Panel",
    "Permission",
    "Phase",
    "Project",
    "PublicBlueprint",
    "Record",
    "RecordKind",
    "Scope",
    "ScopeError",
    "SearchHit",
    "SearchSource",
    "SeedData",
    "Setting",
    "State",
    "TimelineEntry",
    "TimelineKind",
    "Timestamped",
    "TouchpointFact",
    "Transition",
    "TransitionRefused",
    "Unit",
    "UnitRole",
    "UnknownTouchpointError",
    "Unscoped",
    "User",
    "UtcDateTime",
    "Versioned",
    "Workflow",
    "_",
    "_l",
    "all_departments",
    "big_id",
    "completion_date",
    "current_scope",
    "db",
    "department_path",
    "departments_in_reach",
    "diagram",
    "find_unit",
    "has_permission",
    "holders_of",
    "hookimpl",
    "is_on",
    "local_today",
    "next_number",
    "ngettext",
    "normalise_unit_text",
    "owners_of",
    "plugin_base",
    "public",
    "reach",
    "record_delivery",
    "require",
    "require_scope",
    "requires",
    "use_scope",
    "users_in_reach",
    "utc_now",
    "write_timeline",
]
