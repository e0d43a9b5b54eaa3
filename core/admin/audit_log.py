"""The list of everything that was changed, revealed, exported or switched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Flask, current_app, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy.orm import load_only
from werkzeug.wrappers import Response

from core.admin.access import ViewPermissions, expose_guarded
from core.admin.cells import plain_words
from core.admin.filters import ChoiceFilter, DateRangeFilter, NumberRangeFilter, TextFilter
from core.admin.saving import commit
from core.admin.views import RecordView
from core.database.types import Wording
from core.languages import listed
from core.machinery.audit import services
from core.machinery.audit.models import AuditEntry
from core.machinery.jobs.services import enqueue_job
from core.plugin_system.runtime import current_runtime

ACTIONS: Mapping[str, Any] = {
    "created": _l("Created"),
    "changed": _l("Changed"),
    "deleted": _l("Deleted"),
    "bulk_created": _l("Created in bulk"),
    "bulk_changed": _l("Changed in bulk"),
    "bulk_deleted": _l("Deleted in bulk"),
    "revealed": _l("Personal data shown"),
    "exported": _l("Exported"),
    "merged": _l("Merged"),
    "erased": _l("Erased"),
    "issued": _l("Document issued"),
    "withdrawn": _l("Document withdrawn"),
    "signed_in": _l("Signed in"),
    "signed_out": _l("Signed out"),
    "sign_in_failed": _l("Sign-in failed"),
    "switched_on": _l("Module switched on"),
    "switched_off": _l("Module switched off"),
    "plugin_erased": _l("Data of a module erased"),
    "imported": _l("Imported"),
    "job_file_downloaded": _l("File of a job downloaded"),
    "job_cancelled": _l("Job cancelled"),
    "job_repeated": _l("Job tried again"),
    "password_changed": _l("Password changed"),
    "two_factor_set_up": _l("Second factor set up"),
    "two_factor_removed": _l("Second factor removed"),
}

_TONES = {
    "deleted": "late",
    "bulk_deleted": "late",
    "erased": "late",
    "plugin_erased": "late",
    "revealed": "wait",
    "exported": "wait",
}

TABLES: Mapping[str, Any] = {
    "attachment": _l("Photo or file"),
    "calendar_day": _l("Working days"),
    "clock": _l("Time limits"),
    "clock_pause": _l("Paused"),
    "consent": _l("Consent"),
    "customer_contact": _l("Way to reach a customer"),
    "customer_preference": _l("Wishes of a customer"),
    "customer_project": _l("Customer of a project"),
    "customer_unit": _l("Part in a house"),
    "department_setting": _l("Setting"),
    "issued_document": _l("Issued document"),
    "membership": _l("Membership"),
    "plugin_switch": _l("Module switch"),
    "project_group": _l("Group of a project"),
    "timeline_entry": _l("Timeline entry"),
    "touchpoint": _l("Touchpoint"),
    "touchpoint_override": _l("Touchpoint of a company"),
    "import_batch": _l("Import"),
    "import_mapping": _l("Columns of an import"),
    "export_preset": _l("Columns of an export"),
}
"""Words for rows that have no page of their own."""

FIELDS: Mapping[str, Any] = {
    "acting_department_id": _l("Acting department"),
    "active": _l("Active"),
    "archived_at": _l("Archived"),
    "breached_at": _l("Limit missed"),
    "building_id": _l("Building"),
    "caption": _l("Caption"),
    "changed_at": _l("Changed on"),
    "changed_by_id": _l("Changed by"),
    "clause": _l("Clause"),
    "clock_id": _l("Time limits"),
    "code": _l("Code"),
    "component": _l("Module"),
    "confirmed_at": _l("Confirmed on"),
    "content": _l("Content"),
    "created_at": _l("Created"),
    "created_by_id": _l("Asked by"),
    "customer_id": _l("Customer"),
    "day": _l("Day"),
    "dedupe_key": _l("Made for"),
    "department_id": _l("Department"),
    "details": _l("Details"),
    "documents": _l("Documents"),
    "due_at": _l("Due"),
    "due_on": _l("To keep until"),
    "enabled": _l("Switched on"),
    "ended_at": _l("Resumed"),
    "erased_at": _l("Erased on"),
    "expires_at": _l("Expires on"),
    "failed_sign_ins": _l("Failed sign-ins"),
    "file_name": _l("File name"),
    "finish_note": _l("How"),
    "finished_at": _l("Finished at"),
    "finished_by_id": _l("Finished by"),
    "fs_uniquifier": _l("Mark of the sessions"),
    "happened_at": _l("Happened on"),
    "height": _l("Height"),
    "how": _l("How"),
    "id": _l("Number"),
    "identity_index": _l("Index of the document number"),
    "is_working": _l("Worked"),
    "issued_by_id": _l("Issued by"),
    "key": _l("Name of the setting"),
    "kind": _l("Kind"),
    "language": _l("Language"),
    "limit_seconds": _l("Limit in seconds"),
    "limits": _l("Time limits"),
    "locale": _l("Language"),
    "locked_until": _l("Locked until"),
    "made_on": _l("Promised on"),
    "media_type": _l("File type"),
    "merged_into_id": _l("Merged into"),
    "mf_recovery_codes": _l("Recovery codes"),
    "name": _l("Name"),
    "name_en": _l("Name in English"),
    "next_at": _l("Looked at next"),
    "note": _l("Note"),
    "notice_at": _l("Customer told"),
    "number": _l("Number"),
    "origin": _l("Origin"),
    "owner_id": _l("Taken by"),
    "owner_role": _l("Responsible"),
    "password": _l("Password"),
    "password_changed_at": _l("Password changed"),
    "path": _l("Place in the tree"),
    "paused_at": _l("Paused"),
    "permissions": _l("Permissions"),
    "phase_id": _l("Phase"),
    "policy": _l("Kind of time limit"),
    "position": _l("Position"),
    "project_id": _l("Project"),
    "question": _l("Question to the customer"),
    "question_en": _l("Question to the customer in English"),
    "question_scale": _l("Scale of the answer"),
    "questionnaire": _l("Questionnaire"),
    "reason": _l("Reason"),
    "record_id": _l("Record"),
    "record_kind": _l("Kind of record"),
    "recorded_at": _l("Recorded on"),
    "records": _l("Records"),
    "removed_at": _l("Removed"),
    "replaced_by_id": _l("Replaced by"),
    "responsible_role": _l("Responsible"),
    "result": _l("Result"),
    "role": _l("Role"),
    "role_id": _l("Role"),
    "row_version": _l("Version"),
    "said_by": _l("Who promised it"),
    "settled_by_id": _l("Settled by"),
    "settled_on": _l("Settled on"),
    "sha256": _l("SHA-256 of the file"),
    "since": _l("Since"),
    "size": _l("Bytes"),
    "slot": _l("Place"),
    "slug": _l("Module"),
    "source": _l("Source"),
    "stage": _l("Stage"),
    "standard": _l("Standard"),
    "standard_en": _l("Standard in English"),
    "started_at": _l("Clock started"),
    "state": _l("State"),
    "stopped_at": _l("Clock stopped"),
    "stored_key": _l("Place in the archive"),
    "summary": _l("Short text"),
    "taken_at": _l("Taken"),
    "targets": _l("Targets"),
    "terms": _l("Rules of the time limit"),
    "text": _l("What was promised"),
    "tf_phone_number": _l("Telephone of the second factor"),
    "tf_primary_method": _l("Means of the second factor"),
    "tf_totp_secret": _l("Key of the second factor"),
    "thumbnail_sha256": _l("SHA-256 of the thumbnail"),
    "title": _l("Title"),
    "totp_last_counter": _l("Last code of the second factor"),
    "touchpoint_code": _l("Touchpoint"),
    "touchpoint_id": _l("Touchpoint"),
    "unit_id": _l("House"),
    "updated_at": _l("Changed on"),
    "uploaded_at": _l("Uploaded"),
    "uploaded_by_id": _l("Uploaded by"),
    "user_id": _l("User"),
    "valid_from": _l("From"),
    "value": _l("Value"),
    "width": _l("Width"),
}
"""Words for fields that no view of their model names."""


def set_up_audit_words(app: Flask) -> None:
    """Give templates the words for times, and for actions, fields and values of audit lines."""
    app.jinja_env.filters.update(
        local_time=plain_words,
        audit_action=action_words,
        audit_field=field_words,
        audit_value=value_words,
        audit_kind=kind_words,
    )


def action_words(code: str) -> str:
    """Return an action in words; an unknown one as it is stored."""
    return str(ACTIONS.get(code) or code.replace("_", " ").capitalize())


def kind_words(table_name: str) -> str:
    """Return what the rows of a table are called."""
    for kind in current_runtime().declared.record_kinds():
        if kind.model.__tablename__ == table_name:
            return str(kind.label)
    words = current_runtime().declared.record_words(table_name)
    if words is not None and words.label:
        return str(words.label)
    return str(TABLES.get(table_name) or table_name.replace("_", " "))


def field_words(name: str, table_name: str) -> str:
    """Return the words for a field, as the view of the model calls it."""
    for view in _views():
        if view.model.__tablename__ == table_name and name in view.column_labels:
            return str(view.column_labels[name])
    declared = current_runtime().declared.record_words(table_name)
    if declared is not None and name in declared.fields:
        return str(declared.fields[name])
    return str(FIELDS.get(name) or name.replace("_", " ").capitalize())


def has_words(table_name: str, name: str = "") -> bool:
    """Return whether a table, or one of its fields, is called by words and not by its name in the database."""
    declared = current_runtime().declared.record_words(table_name)
    if not name:
        kinds = {kind.model.__tablename__ for kind in current_runtime().declared.record_kinds()}
        return table_name in kinds or table_name in TABLES or bool(declared is not None and declared.label)
    labelled = (view.column_labels for view in _views() if view.model.__tablename__ == table_name)
    return (
        name in FIELDS
        or any(name in labels for labels in labelled)
        or (declared is not None and name in declared.fields)
    )


def value_words(value: services.Value, name: str = "", table_name: str = "") -> str:
    """Return a logged value in words; a choice as the view of the model calls it."""
    match value.visibility:
        case services.Visibility.MASKED:
            return "•••"
        case services.Visibility.ERASED:
            return _("erased")
        case services.Visibility.HIDDEN:
            return _("not kept")
    plain = value.plain
    if plain in (None, "", [], {}):
        return "—"
    if isinstance(plain, bool):
        return _("Yes") if plain else _("No")
    for view in _views():
        if view.model.__tablename__ == table_name:
            for choice, words in view.choices_of(name):
                if str(choice) == str(plain):
                    return str(words)
    if isinstance(plain, list):
        return listed(str(item) for item in plain)
    return str(Wording.read(plain) if isinstance(plain, str) else plain)


def _views() -> list[RecordView]:
    return [view for view in current_app.extensions["admin"][0]._views if isinstance(view, RecordView)]


def _action(entry: AuditEntry) -> Markup:
    tone = _TONES.get(entry.action, "calm")
    return Markup('<span class="st {}">{}</span>').format(tone, action_words(entry.action))


def _record(entry: AuditEntry) -> Markup | str:
    if not entry.record_kind:
        return ""
    words = " ".join(part for part in (kind_words(entry.record_kind), entry.label or entry.record_id) if part)
    for kind in current_runtime().declared.record_kinds():
        if kind.model.__tablename__ == entry.record_kind and entry.record_id.isdigit():
            return Markup('<a href="{}">{}</a>').format(
                url_for(kind.endpoint, id=int(entry.record_id)), words
            )
    return words


def _changes(entry: AuditEntry) -> Markup:
    line = services.line_of(entry)
    return Markup(render_template("admin/audit/changes.html", line=line))  # noqa: S704 (a rendered template)


def _fields(entry: AuditEntry) -> str:
    changes = entry.changes if isinstance(entry.changes, dict) else {}
    words = [field_words(name, entry.record_kind) for name in sorted(changes)]
    return listed(words[:4]) + (" …" if len(words) > 4 else "")


class AuditLogView(RecordView):
    """The audit log, newest first; nobody changes it."""

    permissions = ViewPermissions(view="audit.view")
    column_list = ("at", "what", "record", "fields", "user_name", "reason")
    column_details_list = (
        "at", "what", "record", "changes", "reason", "user_name", "acting_department_id", "address", "request_id", "id",
    )  # fmt: skip
    column_labels = {
        "at": _l("Time"),
        "what": _l("Action"),
        "action": _l("Action"),
        "record": _l("Record"),
        "record_kind": _l("Table"),
        "record_id": _l("Key"),
        "fields": _l("Fields"),
        "changes": _l("Before → after"),
        "user_name": _l("User"),
        "user_id": _l("Number of the user"),
        "reason": _l("Reason"),
        "acting_department_id": _l("Acting department"),
        "address": _l("Address"),
        "request_id": _l("Request"),
        "id": _l("Entry"),
    }
    cells = {"what": _action, "record": _record, "fields": _fields, "changes": _changes}
    choices: Mapping[str, Sequence[tuple[Any, Any]]] = {"action": tuple(ACTIONS.items())}
    list_options = (
        load_only(
            AuditEntry.action,
            AuditEntry.record_kind,
            AuditEntry.record_id,
            AuditEntry.label,
            AuditEntry.changes,
        ),
    )
    filters = (
        ChoiceFilter("action"),
        DateRangeFilter("at"),
        TextFilter("record_kind"),
        TextFilter("record_id"),
        TextFilter("user_name"),
        NumberRangeFilter("user_id"),
        TextFilter("request_id"),
    )
    default_sort = ("id", True)
    list_template = "admin/audit/list.html"
    details_template = "admin/audit/details.html"
    empty_list_hint = _l("Changes appear here as soon as somebody makes one.")

    @expose_guarded("/check", permission="audit.view", methods=("POST",))
    def check(self) -> Response:
        """Start the check of every sealed entry, and show it."""
        job = enqueue_job("audit.check", address=url_for(".index_view"))
        job_id = job.id
        commit()
        return redirect(url_for("jobs.details", job_id=job_id))
