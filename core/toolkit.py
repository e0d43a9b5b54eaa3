"""The public interface of Doorstep for plugins: the only module of the core that they import, besides ``core.testing``.

Each name is documented where it is defined. What stands here keeps working within one major version of the interface
(``Manifest.api``); everything else of the core may change at any time. The blocks follow the layers of the core.
"""

from __future__ import annotations

# Texts
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext, ngettext

# Back office
from core.admin.access import ViewPermissions, expose_guarded
from core.admin.actions import bulk_action
from core.admin.ajax import Reference, ReferenceField, ReferenceListField, strict_id
from core.admin.cells import status_mark, workflow_status
from core.admin.counting import CountedTabs, count_each
from core.admin.declaring import FormSection
from core.admin.filters import (
    BooleanFilter,
    ChoiceFilter,
    DateRangeFilter,
    EmptyFilter,
    Filter,
    FilterValueError,
    LinkFilter,
    NumberRangeFilter,
    ReferenceFilter,
    TextFilter,
)
from core.admin.forms import GuardedForm, LocalDateTimeField
from core.admin.link_desk import print_links
from core.admin.links import PhotosField, PublicForm, finish_visit, personal_link
from core.admin.listing import Count
from core.admin.masking import mask_all, sees_personal_data
from core.admin.redirects import redirect_target
from core.admin.saving import SaveRefused, commit, saving
from core.admin.searching import SearchDeclaration
from core.admin.views import PageView, RecordView

# Customers
from core.customers.identity import (
    PersonalValueError,
    mask_email,
    mask_phone,
    normalise_credit_code,
    normalise_phone,
)
from core.customers.models import Customer, CustomerKind, CustomerUnit, UnitRole
from core.customers.references import CUSTOMERS
from core.customers.services import holders_of, owners_of

# Database
from core.database.base import (
    Identified,
    Record,
    Timestamped,
    Versioned,
    big_id,
    parent_key,
    plugin_base,
    project_column,
)
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
    kept_select,
    require_scope,
    use_scope,
)
from core.database.search_index import SearchIndex
from core.database.types import (
    LOCAL_ZONE,
    Area,
    EncryptedText,
    Money,
    UtcDateTime,
    WordedText,
    Wording,
    local_today,
    utc_now,
)
from core.extensions import db
from core.languages import Text, in_each_language, in_language, is_english, listed, paragraphs, worded

# Machinery
from core.machinery.approvals.base import label_of, role_label
from core.machinery.approvals.models import ApprovalRequest, ApprovalTask
from core.machinery.approvals.services import (
    ApprovalRefused,
    amount_changed,
    amount_words,
    approvals_of,
    approve,
    approved_request,
    band_for,
    pending_request,
    reject,
    request_approval,
    withdraw_request,
)
from core.machinery.attachments.models import Attachment
from core.machinery.attachments.services import (
    UploadRefused,
    attach,
    attach_again,
    attachments_by_record,
    attachments_of,
    mark_up,
    markup_of,
    open_bytes,
    shown_bytes,
)
from core.machinery.audit.bulk import insert_logged
from core.machinery.audit.services import record_event
from core.machinery.clocks.dates import months_after
from core.machinery.clocks.models import Clock, ClockPause
from core.machinery.clocks.services import (
    ClockRefused,
    ClockTimes,
    clock_times,
    clocks_of,
    hand_on_clock,
    is_provisional,
    note_notice,
    pause_clock,
    resume_clock,
    running_clock,
    stands_still,
    start_clock,
    stop_clock,
    stop_clocks_of,
)
from core.machinery.clocks.working_days import is_working_day, offset_day, working_days_after
from core.machinery.documents.amounts import capital_amount, money
from core.machinery.documents.batches import issue_batch, preview_batch
from core.machinery.documents.models import IssuedDocument
from core.machinery.documents.printing import prints_personal_data
from core.machinery.documents.services import DocumentRefused, LaidOut, issued_for
from core.machinery.documents.services import issue as issue_document
from core.machinery.documents.services import lay_out_ahead as lay_out_document
from core.machinery.documents.services import preview as preview_document
from core.machinery.documents.services import read as read_document
from core.machinery.exchange.importer import (
    Importer,
    ImportField,
    ImportPlace,
    ImportRefused,
    ImportRow,
    MatchKey,
    RowError,
)
from core.machinery.exchange.parsers import CellError
from core.machinery.exchange.parsers import choice as parse_choice
from core.machinery.exchange.parsers import day as parse_day
from core.machinery.exchange.parsers import number as parse_number
from core.machinery.exchange.parsers import paragraph as parse_paragraph
from core.machinery.exchange.parsers import whole_number as parse_whole_number
from core.machinery.exchange.parsers import words as parse_words
from core.machinery.exchange.parsers import yes_or_no as parse_yes_or_no
from core.machinery.jobs.models import Job, JobState
from core.machinery.jobs.runs import JobRun, StepFailed
from core.machinery.jobs.services import JobRefused, enqueue_job
from core.machinery.links.models import PersonalLink
from core.machinery.links.services import (
    LinkClosed,
    LinkRefused,
    LinkVisit,
    MadeLink,
    PlannedLink,
    links_of,
    make_link,
    plan_link,
    revoke_links,
    send_link,
)
from core.machinery.messages.models import Message, MessageState
from core.machinery.messages.outgoing import NotSent, OutgoingMessage, Receipt, Recipient, Secret
from core.machinery.messages.services import messages_of, send_message
from core.machinery.numbering.services import next_number
from core.machinery.signatures.guard import RecordSigned, SignedPart
from core.machinery.signatures.models import Signature, Supplement
from core.machinery.signatures.printing import supplement_parts
from core.machinery.signatures.services import (
    Match,
    SignatureRefused,
    is_signed,
    sign,
    signature_boxes,
    signatures_of,
    signed_content,
    supplement,
    supplement_changes,
)
from core.machinery.signatures.services import content_hash as signed_hash
from core.machinery.signatures.services import verify as verify_signatures
from core.machinery.todos.models import Todo, TodoState
from core.machinery.todos.services import (
    TodoRefused,
    add_todo,
    finish_todo,
    finish_todos_by_key,
    finish_todos_of,
    hand_on_todo,
    take_todo,
    todos_of,
)
from core.machinery.workflow.services import MoveLine, Step, TransitionRefused, Workflow, diagram, history_of

# People
from core.people.models import Department, DepartmentKind, User
from core.people.permissions import has_permission, public, require, requires
from core.people.references import COLLEAGUES, colleagues_with
from core.people.services import department_path, departments_in_reach, users_in_reach, users_with
from core.people.settings import setting

# The plugin engine
from core.plugin_system.declarations import (
    AdminView,
    ApprovalBand,
    ApprovalKind,
    ApprovalStep,
    CalendarEntry,
    CalendarSource,
    ClockPolicy,
    ClockTime,
    Command,
    DeliveryBatch,
    DemoData,
    DocumentType,
    EscalationStep,
    FailurePolicy,
    HouseTerm,
    ImportDeclaration,
    JobKind,
    LinkPurpose,
    Manifest,
    MenuLink,
    MessageChannel,
    MessageTemplate,
    OpenItem,
    Panel,
    PauseReason,
    PeriodicTask,
    Permission,
    Placeholder,
    PublicBlueprint,
    RecordKind,
    RecordWords,
    RollRule,
    SearchHit,
    SearchSource,
    SeedData,
    Setting,
    Signable,
    State,
    TimelineKind,
    Transition,
    WorkflowDeclaration,
)
from core.plugin_system.declarations import Area as MenuArea
from core.plugin_system.gate import is_on
from core.plugin_system.hookspecs import hookimpl
from core.plugin_system.partners import listen_to, partner, tell_listeners
from core.projects.delivery_batches import delivery_batch_of
from core.projects.house_terms import house_terms_of

# Projects
from core.projects.models import Building, Decoration, Phase, Project, Unit
from core.projects.open_items import end_open_item, open_items_of
from core.projects.references import BUILDINGS, OPEN_PROJECTS, PROJECTS, UNITS
from core.projects.services import (
    acting_city,
    completion_date,
    find_unit,
    normalise_unit_text,
    record_delivery,
)

# Promises
from core.promises.models import Promise, PromiseSource, PromiseState
from core.promises.services import (
    PromiseRefused,
    promises_of_unit,
    promises_to_customer,
    register_promise,
    settle_promise,
)

# Timeline
from core.timeline.models import TimelineEntry
from core.timeline.services import TouchpointFact, UnknownTouchpointError, assign_touchpoint, reach
from core.timeline.services import write as write_timeline

__all__ = [
    "BUILDINGS",
    "COLLEAGUES",
    "CUSTOMERS",
    "LOCAL_ZONE",
    "OPEN_PROJECTS",
    "PROJECTS",
    "UNITS",
    "AdminView",
    "ApprovalBand",
    "ApprovalKind",
    "ApprovalRefused",
    "ApprovalRequest",
    "ApprovalStep",
    "ApprovalTask",
    "Area",
    "Attachment",
    "BooleanFilter",
    "Building",
    "ByCustomer",
    "ByDepartment",
    "ByProject",
    "CalendarEntry",
    "CalendarSource",
    "CellError",
    "ChoiceFilter",
    "Clock",
    "ClockPause",
    "ClockPolicy",
    "ClockRefused",
    "ClockTime",
    "ClockTimes",
    "Command",
    "Count",
    "CountedTabs",
    "Customer",
    "CustomerKind",
    "CustomerUnit",
    "DateRangeFilter",
    "Decoration",
    "DeliveryBatch",
    "DemoData",
    "Department",
    "DepartmentKind",
    "DocumentRefused",
    "DocumentType",
    "EmptyFilter",
    "EncryptedText",
    "EscalationStep",
    "FailurePolicy",
    "Filter",
    "FilterValueError",
    "FormSection",
    "GuardedForm",
    "HouseTerm",
    "Identified",
    "ImportDeclaration",
    "ImportField",
    "ImportPlace",
    "ImportRefused",
    "ImportRow",
    "Importer",
    "IssuedDocument",
    "Job",
    "JobKind",
    "JobRefused",
    "JobRun",
    "JobState",
    "LaidOut",
    "LinkClosed",
    "LinkFilter",
    "LinkPurpose",
    "LinkRefused",
    "LinkVisit",
    "LocalDateTimeField",
    "MadeLink",
    "Manifest",
    "Match",
    "MatchKey",
    "MenuArea",
    "MenuLink",
    "Message",
    "MessageChannel",
    "MessageState",
    "MessageTemplate",
    "Money",
    "MoveLine",
    "NotSent",
    "NumberRangeFilter",
    "OpenItem",
    "OutgoingMessage",
    "Owned",
    "PageView",
    "Panel",
    "PauseReason",
    "PeriodicTask",
    "Permission",
    "PersonalLink",
    "PersonalValueError",
    "Phase",
    "PhotosField",
    "Placeholder",
    "PlannedLink",
    "Project",
    "Promise",
    "PromiseRefused",
    "PromiseSource",
    "PromiseState",
    "PublicBlueprint",
    "PublicForm",
    "Receipt",
    "Recipient",
    "Record",
    "RecordKind",
    "RecordSigned",
    "RecordView",
    "RecordWords",
    "Reference",
    "ReferenceField",
    "ReferenceFilter",
    "ReferenceListField",
    "RollRule",
    "RowError",
    "SaveRefused",
    "Scope",
    "ScopeError",
    "SearchDeclaration",
    "SearchHit",
    "SearchIndex",
    "SearchSource",
    "Secret",
    "SeedData",
    "Setting",
    "Signable",
    "Signature",
    "SignatureRefused",
    "SignedPart",
    "State",
    "Step",
    "StepFailed",
    "Supplement",
    "Text",
    "TextFilter",
    "TimelineEntry",
    "TimelineKind",
    "Timestamped",
    "Todo",
    "TodoRefused",
    "TodoState",
    "TouchpointFact",
    "Transition",
    "TransitionRefused",
    "Unit",
    "UnitRole",
    "UnknownTouchpointError",
    "Unscoped",
    "UploadRefused",
    "User",
    "UtcDateTime",
    "Versioned",
    "ViewPermissions",
    "WordedText",
    "Wording",
    "Workflow",
    "WorkflowDeclaration",
    "_",
    "_l",
    "acting_city",
    "add_todo",
    "all_departments",
    "amount_changed",
    "amount_words",
    "approvals_of",
    "approve",
    "approved_request",
    "assign_touchpoint",
    "attach",
    "attach_again",
    "attachments_by_record",
    "attachments_of",
    "band_for",
    "big_id",
    "bulk_action",
    "capital_amount",
    "clock_times",
    "clocks_of",
    "colleagues_with",
    "commit",
    "completion_date",
    "count_each",
    "current_scope",
    "db",
    "delivery_batch_of",
    "department_path",
    "departments_in_reach",
    "diagram",
    "end_open_item",
    "enqueue_job",
    "expose_guarded",
    "find_unit",
    "finish_todo",
    "finish_todos_by_key",
    "finish_todos_of",
    "finish_visit",
    "hand_on_clock",
    "hand_on_todo",
    "has_permission",
    "history_of",
    "holders_of",
    "hookimpl",
    "house_terms_of",
    "in_each_language",
    "in_language",
    "insert_logged",
    "is_english",
    "is_on",
    "is_provisional",
    "is_signed",
    "is_working_day",
    "issue_batch",
    "issue_document",
    "issued_for",
    "kept_select",
    "label_of",
    "lay_out_document",
    "lazy_ngettext",
    "links_of",
    "listed",
    "listen_to",
    "local_today",
    "make_link",
    "mark_up",
    "markup_of",
    "mask_all",
    "mask_email",
    "mask_phone",
    "messages_of",
    "money",
    "months_after",
    "next_number",
    "ngettext",
    "normalise_credit_code",
    "normalise_phone",
    "normalise_unit_text",
    "note_notice",
    "offset_day",
    "open_bytes",
    "open_items_of",
    "owners_of",
    "paragraphs",
    "parent_key",
    "parse_choice",
    "parse_day",
    "parse_number",
    "parse_paragraph",
    "parse_whole_number",
    "parse_words",
    "parse_yes_or_no",
    "partner",
    "pause_clock",
    "pending_request",
    "personal_link",
    "plan_link",
    "plugin_base",
    "preview_batch",
    "preview_document",
    "print_links",
    "prints_personal_data",
    "project_column",
    "promises_of_unit",
    "promises_to_customer",
    "public",
    "reach",
    "read_document",
    "record_delivery",
    "record_event",
    "redirect_target",
    "register_promise",
    "reject",
    "request_approval",
    "require",
    "require_scope",
    "requires",
    "resume_clock",
    "revoke_links",
    "role_label",
    "running_clock",
    "saving",
    "sees_personal_data",
    "send_link",
    "send_message",
    "setting",
    "settle_promise",
    "shown_bytes",
    "sign",
    "signature_boxes",
    "signatures_of",
    "signed_content",
    "signed_hash",
    "stands_still",
    "start_clock",
    "status_mark",
    "stop_clock",
    "stop_clocks_of",
    "strict_id",
    "supplement",
    "supplement_changes",
    "supplement_parts",
    "take_todo",
    "tell_listeners",
    "todos_of",
    "use_scope",
    "users_in_reach",
    "users_with",
    "utc_now",
    "verify_signatures",
    "withdraw_request",
    "worded",
    "workflow_status",
    "working_days_after",
    "write_timeline",
]
