"""Large imports and large downloads in the background: the jobs behind the pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from flask import current_app, url_for
from flask_babel import force_locale, get_locale
from flask_babel import lazy_gettext as _l

from core.admin import exporting, listing
from core.admin.access import holds
from core.admin.masking import sees_personal_data
from core.database.types import Wording
from core.extensions import db
from core.languages import in_each_language, sentence_of
from core.machinery.audit.services import record_event
from core.machinery.exchange import services
from core.machinery.exchange.importer import ImportRefused
from core.machinery.exchange.models import ImportBatch, ImportState
from core.machinery.jobs.models import ENDED, Job
from core.machinery.jobs.runs import JobRun, StepFailed
from core.machinery.jobs.services import enqueue_job
from core.people.permissions import has_permission
from core.plugin_system.declarations import ImportDeclaration
from core.plugin_system.gate import is_on
from core.plugin_system.runtime import current_runtime

if TYPE_CHECKING:
    from core.admin.views import RecordView

IMPORT = "imports.run"
EXPORT = "exports.run"
LARGE_EXPORT = "exports.large"
FORGET = "imports.forget"
ROWS_IN_REQUEST = 1_000
"""Up to so many rows an import is checked, written and taken back while the browser waits."""
_END = "end"
_TITLES = {
    "check": _l("Check the rows of %(file)s"),
    "write": _l("Write the rows of %(file)s"),
    "undo": _l("Take back the import of %(file)s"),
}


def go_on(batch: ImportBatch, declaration: ImportDeclaration, what: str) -> None:
    """Check, write or take back an import: at once when it is small, else in a job that is started here.

    Args:
        batch: The import, locked; begun with ``begin_write`` where it is written.
        declaration: Its declaration.
        what: ``check``, ``write`` or ``undo``.

    Raises:
        ImportRefused: It cannot be done; the caller rolls back.
        JobRefused: The job cannot be started.
    """
    begin = {"check": services.begin_check, "undo": services.begin_undo}.get(what)
    if begin is not None and batch.state not in (ImportState.CHECKING, ImportState.UNDOING):
        begin(batch)
    if batch.total > ROWS_IN_REQUEST:
        job = enqueue_job(
            IMPORT,
            {"batch": batch.id, "what": what},
            title=in_each_language(lambda: str(_TITLES[what]) % {"file": batch.file_name[:120]}),
            project_id=batch.project_id,
            total=batch.total,
            address=url_for("imports.result", id=batch.id),
        )
        batch.job_id = job.id
        return
    numbers = services.chunk_numbers(batch)
    if what == "check":
        for number in numbers:
            services.check_chunk(batch, declaration.importer, number)
        services.finish_check(batch)
    elif what == "write":
        for number in numbers:
            services.write_chunk(batch, declaration.importer, number)
        _log_written(batch)
    else:
        for number in reversed(numbers):
            services.undo_chunk(batch, declaration.importer, number)
        _log_undone(batch)


def stopped(batch: ImportBatch) -> bool:
    """Return whether the job of an import ended before the import did."""
    if batch.job_id is None:
        return False
    job = db.session.get(Job, batch.job_id)
    return job is None or job.state in ENDED


def _log_written(batch: ImportBatch) -> None:
    result = services.finish_write(batch)
    record_event(
        "imported",
        batch,
        kind=batch.kind,
        created=result["new"],
        changed=result["changed"],
        errors=result["error"],
    )


def _log_undone(batch: ImportBatch) -> None:
    undone, kept = services.finish_undo(batch)
    record_event("import_undone", batch, kind=batch.kind, undone=undone, kept=kept)


def run_import(run: JobRun) -> None:
    """Check, write or take back an import, 500 rows at a time."""
    what = run.payload["what"]
    batch, declaration = _held(run)
    if what == "check":
        _check(run, batch, declaration)
    elif what == "write":
        _write(run, batch, declaration)
    else:
        _undo(run, batch, declaration)


def _held(run: JobRun) -> tuple[ImportBatch, ImportDeclaration]:
    """Return the import as the user sees it now; his rights are looked at anew."""
    batch = services.find_import(run.payload["batch"])
    declaration = current_runtime().declared.import_declaration(batch.kind) if batch is not None else None
    if batch is None or declaration is None or not has_permission(declaration.permission):
        raise StepFailed(_l("The import is gone, or you do not hold the right to it any more."))
    return batch, declaration


def _size(batch: ImportBatch) -> Callable[[Any], int]:
    last, total = (batch.total - 1) // services.CHUNK_ROWS, batch.total

    def size(key: Any) -> int:
        number = int(str(key).lstrip("wb")) if str(key).lstrip("wb").isdigit() else -1
        if number < 0 or str(key).startswith("b"):
            return 0
        return total - last * services.CHUNK_ROWS if number == last else services.CHUNK_ROWS

    return size


def _check(run: JobRun, batch: ImportBatch, declaration: ImportDeclaration) -> None:
    for key in run.steps([*services.chunk_numbers(batch), _END], size=_size(batch)):
        held, declaration = _held(run)
        if held.state != ImportState.CHECKING:
            continue
        if key != _END:
            services.check_chunk(held, declaration.importer, int(str(key)))
        elif services.unchecked_chunks(held):
            raise StepFailed(_l("Some rows could not be checked. Go on with the failed part."))
        else:
            services.finish_check(held)
            counts = services.counts_of(held)
            run.outcome(
                _l(
                    "%(new)s new, %(changed)s changed, %(unchanged)s unchanged, %(error)s with errors.",
                    new=f"{counts['new']:,}",
                    changed=f"{counts['changed']:,}",
                    unchanged=f"{counts['unchanged']:,}",
                    error=f"{counts['error']:,}",
                )
            )


def _write(run: JobRun, batch: ImportBatch, declaration: ImportDeclaration) -> None:
    numbers = services.chunk_numbers(batch)
    whole = batch.all_or_nothing and batch.total <= services.ATOMIC_ROWS
    keys: Sequence[str] = ["all"] if whole else [f"w{number}" for number in numbers]
    for key in run.steps(keys, size=(lambda _key: batch.total) if whole else _size(batch)):
        held, declaration = _held(run)
        if held.state != ImportState.WRITING or held.result.get("refused"):
            continue
        chosen = numbers if key == "all" else [int(key[1:])]
        try:
            with db.session.begin_nested():
                for number in chosen:
                    services.write_chunk(held, declaration.importer, number)
        except ImportRefused as error:
            services.note_refusal(held, sentence_of(error))
    _end_write(run, numbers)


def _end_write(run: JobRun, numbers: Sequence[int]) -> None:
    batch, declaration = _held(run)
    back = [f"b{number}" for number in reversed(numbers)] if batch.result.get("refused") else []
    for key in run.steps([*back, _END], size=lambda _key: 0):
        held, declaration = _held(run)
        if held.state != ImportState.WRITING:
            continue
        if key != _END:
            for answer in services.unwrite_chunk(held, declaration.importer, int(key[1:])):
                run.note_failure(held.file_name, answer)
        elif held.result.get("refused"):
            run.outcome(Wording.read(held.result["refused"]))
            services.abandon_write(held)
        elif services.unwritten_chunks(held):
            raise StepFailed(_l("Some rows could not be written. Go on with the failed part."))
        else:
            _log_written(held)
    held, declaration = _held(run)
    if held.state == ImportState.WRITTEN:
        # Said behind the step: a worker that was killed right after it has not said it.
        run.outcome(
            _l(
                "%(new)s new, %(changed)s changed, %(error)s left out.",
                new=f"{held.result['new']:,}",
                changed=f"{held.result['changed']:,}",
                error=f"{held.result['error']:,}",
            )
        )


def _undo(run: JobRun, batch: ImportBatch, declaration: ImportDeclaration) -> None:
    numbers = list(reversed(services.chunk_numbers(batch)))
    for key in run.steps([*numbers, _END], size=_size(batch)):
        held, declaration = _held(run)
        if held.state != ImportState.UNDOING:
            continue
        if key != _END:
            services.undo_chunk(held, declaration.importer, int(str(key)))
        else:
            _log_undone(held)
    held, declaration = _held(run)
    if held.state == ImportState.UNDONE:
        run.outcome(
            _l(
                "%(undone)s taken back, %(kept)s stay as they are.",
                undone=f"{held.result['undone']:,}",
                kept=f"{held.result['kept']:,}",
            )
        )


def start_export(
    view: RecordView,
    file_format: str,
    columns: Sequence[str],
    arguments: Mapping[str, Any],
    reason: str,
    count: int,
) -> Job:
    """Start the job that writes the file of a large list; who may download was checked, and is once more in the job.

    Args:
        view: The list.
        file_format: ``csv`` or ``xlsx``.
        columns: The columns in their order.
        arguments: Search, filters and order of the list.
        reason: What it is for.
        count: How many rows it has.

    Raises:
        JobRefused: The user does not hold the right to large exports.
    """
    return enqueue_job(
        EXPORT,
        {
            "view": view.endpoint,
            "format": file_format,
            "columns": list(columns),
            "arguments": dict(arguments),
            "reason": reason,
            "language": str(get_locale()),
        },
        title=_l("Export: %(list)s", list=view.name),
        total=count,
    )


def job_page(job: Job) -> str | None:
    """Return the address of the page of a job, or None where there is none."""
    if "jobs.details" not in current_app.view_functions:
        return None
    return url_for("jobs.details", job_id=job.id)


def run_export(run: JobRun) -> None:
    """Write the file of a list, as the user sees it now."""
    held = run.payload
    view = next(
        (each for each in current_app.extensions["doorstep.admin"]._views if each.endpoint == held["view"]),
        None,
    )
    for _key in run.steps(["file"], size=lambda _one: run_total(run)):
        if view is None or not is_on(view.component):
            raise StepFailed(_l("The list does not exist any more, or its module is switched off."))
        if not (holds(view.permissions.view) and holds(view.permissions.export)):
            raise StepFailed(_l("You do not hold the right to export this list any more."))
        columns = [name for name in held["columns"] if name in view.column_export_list]
        file_format = held["format"]
        with TemporaryDirectory() as folder, force_locale(held["language"]):
            path = Path(folder) / "export"
            with run.reading():
                exporting.write_file(
                    path,
                    view,
                    listing.read_request(view, held["arguments"]),
                    file_format,
                    columns,
                    not sees_personal_data(),
                    exporting.make_mark(held["reason"]),
                )
            run.result(exporting.file_name(view, file_format), exporting.KINDS[file_format], path)


def run_total(run: JobRun) -> int:
    """Return how many rows were announced."""
    job = db.session.get(Job, run.job_id)
    return (job.total if job is not None else None) or 1


def forget(run: JobRun) -> None:
    """Remove the rows of imports that are too old."""
    for _key in run.steps(["forget"]):
        while services.forget_expired():
            pass
