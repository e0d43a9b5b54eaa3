from core.toolkit import RecordView, ViewPermissions, _l


class NoteView(RecordView):
    """The notes of the projects that a user sees."""

    permissions = ViewPermissions(view="good.view")
    record_kind = "good.note"
    column_list = ("text", "cost")
    column_details_list = ("text", "cost", "created_at")
    column_labels = {"text": _l("Note"), "cost": _l("Cost"), "created_at": _l("Written")}
    sortable = ()
