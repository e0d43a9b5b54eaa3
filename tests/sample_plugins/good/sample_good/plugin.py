"""A small plugin in order."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    AdminView,
    DocumentType,
    Manifest,
    MenuArea,
    Panel,
    Permission,
    RecordKind,
    SearchHit,
    SearchSource,
    Setting,
    TimelineKind,
    TouchpointFact,
    _l,
    db,
    hookimpl,
)
from sample_good.admin import NoteView
from sample_good.models import Note

manifest = Manifest(
    slug="good",
    name=_l("Notes"),
    version="1.0.0",
    api=1,
    summary=_l("Notes on projects."),
)


@hookimpl
def permissions() -> Sequence[Permission]:
    return [
        Permission("good.view", _l("See notes")),
        Permission("good.edit", _l("Write notes")),
    ]


@hookimpl
def record_kinds() -> Sequence[RecordKind]:
    return [
        RecordKind(
            "good.note",
            Note,
            _l("Note"),
            "good.view",
            "good.edit",
            "good_notes.details_view",
            title=lambda note: note.text,
        )
    ]


@hookimpl
def admin_views() -> Sequence[AdminView]:
    return [AdminView(NoteView, "notes", _l("Notes"), MenuArea.PROJECTS, model=Note)]


@hookimpl
def document_types() -> Sequence[DocumentType]:
    return [
        DocumentType(
            "good.slip",
            _l("Note"),
            "good.note",
            "good/documents/slip.html",
            lambda note, language: {"text": note.text},
            "good.view",
        )
    ]


@hookimpl
def settings() -> Sequence[Setting]:
    return [Setting("longest", 200, _l("Longest note"), help=_l("In characters."), minimum=1, maximum=2000)]


@hookimpl
def panels() -> Sequence[Panel]:
    return [Panel("good.latest", "home", _l("Latest notes"), "good/latest.html", latest_notes, "good.view")]


@hookimpl
def timeline_kinds() -> Sequence[TimelineKind]:
    return [TimelineKind("good.noted", _l("Note"))]


@hookimpl
def search_sources() -> Sequence[SearchSource]:
    return [SearchSource("good.notes", _l("Notes"), search_notes, "good.view")]


@hookimpl
def touchpoint_reached(fact: TouchpointFact) -> None:
    db.session.add(Note(project_id=fact.project_id, text=fact.code))


@hookimpl
def customers_merged(kept_id: int, merged_id: int) -> None:
    for note in notes_about(merged_id):
        note.customer_id = kept_id


@hookimpl
def customer_erased(customer_id: int) -> None:
    for note in notes_about(customer_id):
        db.session.delete(note)


@hookimpl
def customer_export(customer_id: int) -> Mapping[str, Any] | None:
    return {"customer": customer_id, "notes": [note.text for note in notes_about(customer_id)]}


def notes_about(customer_id: int) -> Sequence[Note]:
    return db.session.scalars(sa.select(Note).where(Note.customer_id == customer_id)).all()


def latest_notes(_record: Any) -> Mapping[str, Any]:
    return {"notes": db.session.scalars(sa.select(Note).order_by(Note.id.desc()).limit(5)).all()}


def search_notes(query: str, limit: int) -> Sequence[SearchHit]:
    found = db.session.scalars(
        sa.select(Note).where(Note.text.startswith(query, autoescape=True)).limit(limit)
    )
    return [SearchHit(note.text, "/") for note in found]
