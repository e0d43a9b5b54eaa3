"""Previews, issuing, the archive, and the public check."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import re
from concurrent.futures import ThreadPoolExecutor

import pypdfium2
import pytest
import sqlalchemy as sa

from core.customers.models import Customer
from core.database.scope import Scope, all_departments, use_scope
from core.extensions import db
from core.machinery.attachments import services as attachments
from core.machinery.audit import services as audit
from core.machinery.audit.models import AuditEntry
from core.machinery.documents import services
from core.machinery.documents.archive import DocumentImmutable
from core.machinery.documents.codes import grouped, new_code, normalise_code
from core.machinery.documents.models import IssuedDocument
from core.projects.models import Unit


def text_of(content: bytes) -> str:
    with pypdfium2.PdfDocument(content) as document:
        return "".join(page.get_textpage().get_text_bounded() for page in document)


def issue(place, language: str = "zh_Hans_CN") -> IssuedDocument:
    issued = services.issue("core.record", db.session.get(Unit, place.unit_id), language)
    db.session.commit()
    return issued


@pytest.fixture
def _scope(place):
    with use_scope(place.scope):
        yield


def test_a_preview_is_a_draft_without_number_and_leaves_nothing(place, _scope):
    content = services.preview("core.record", db.session.get(Unit, place.unit_id), "zh_Hans_CN")
    text = text_of(content)
    assert "验房记录 defect" in text
    assert "草稿" in text
    assert "YF-" not in text
    assert "/verify/" not in text
    assert db.session.scalar(sa.select(IssuedDocument)) is None


def test_an_issued_document_has_number_code_and_no_draft_mark(place, _scope):
    issued = issue(place)
    assert re.fullmatch(r"YF-YQW-20\d{4}-0001", issued.number)
    text = text_of(services.read(issued))
    assert issued.number in text
    assert f"https://doorstep.example/verify/{issued.verification_code}" in text.replace("\r\n", "").replace(
        "\n", ""
    )
    assert "草稿" not in text
    assert "云栖湾" in text
    assert (issued.pages, issued.project_id, issued.title) == (1, place.project_id, "验房记录表")
    assert issue(place).number.endswith("-0002")


def test_nobody_waits_while_a_single_document_is_laid_out(app, place, _scope, monkeypatch):
    render, texts = services.render_job_guarded, []

    def rival() -> str:
        with app.app_context(), use_scope(place.scope):
            return issue(place).number

    def rendered(job):
        texts.append(job.html)
        if len(texts) == 1:
            # Writes and commits meanwhile, and takes the number that this document was laid out with.
            with ThreadPoolExecutor(1) as another:
                assert another.submit(rival).result(20).endswith("-0001")
        return render(job)

    monkeypatch.setattr(services, "render_job_guarded", rendered)
    load = lambda: db.session.get_one(Unit, place.unit_id)  # noqa: E731
    issued = services.issue_alone("core.record", load, "zh_Hans_CN")
    db.session.commit()
    assert (issued.number[-4:], len(texts)) == ("0002", 3), "once for the rival, and once more for this one"
    assert issued.number in text_of(services.read(issued))
    assert services.issue_alone("core.record", load, "zh_Hans_CN").number.endswith("-0003")
    assert len(texts) == 4


def test_after_three_rivals_the_number_is_held_while_it_is_laid_out(place, _scope, monkeypatch):
    render, tries = services.render_job_guarded, []

    def rendered(job):
        tries.append(job)
        return render(job)

    monkeypatch.setattr(services, "render_job_guarded", rendered)
    monkeypatch.setattr(services.LaidOut, "is_of", lambda laid_out, draft: False)
    load = lambda: db.session.get_one(Unit, place.unit_id)  # noqa: E731
    assert services.issue_alone("core.record", load, "zh_Hans_CN").number.endswith("-0001")
    assert len(tries) == services.TRIES_AHEAD + 1


def test_what_was_laid_out_ahead_is_issued_unless_the_record_has_changed(place, _scope, words, monkeypatch):
    render, texts = services.render_job_guarded, []

    def rendered(job):
        texts.append(job.html)
        return render(job)

    monkeypatch.setattr(services, "render_job_guarded", rendered)
    unit = db.session.get_one(Unit, place.unit_id)
    ahead = services.lay_out_ahead("core.record", unit, "zh_Hans_CN")
    issued = services.issue("core.record", unit, "zh_Hans_CN", ahead)
    assert (issued.number[-4:], len(texts)) == ("0001", 1)
    assert services.read(issued) == ahead.pdf.content
    ahead = services.lay_out_ahead("core.record", unit, "zh_Hans_CN")
    words.text = "changed meanwhile"
    issued = services.issue("core.record", unit, "zh_Hans_CN", ahead)
    assert (issued.number[-4:], len(texts)) == ("0002", 3)
    assert "changed meanwhile" in text_of(services.read(issued))


def test_the_language_is_that_of_the_recipient(place, _scope):
    english, chinese = issue(place, "en"), issue(place)
    assert "Shenzhen" in text_of(services.read(english))
    assert "Cloud Bay" in text_of(services.read(english))
    assert "深圳公司" in text_of(services.read(chinese))
    assert english.language == "en"


def test_reading_gives_back_the_same_bytes(place, _scope, words):
    issued = issue(place)
    first = services.read(issued)
    words.text = "something else by now"
    assert services.read(issued) == first
    assert hashlib.sha256(first).hexdigest() == issued.sha256
    assert len(first) == issued.size


def test_the_archive_is_encrypted_and_notices_changes(app, place, _scope):
    issued = issue(place)
    store = app.extensions["doorstep.documents"].store
    stored = store.read(issued.stored_key)
    assert b"%PDF" not in stored
    path = store._path(issued.stored_key)
    path.write_bytes(stored[:-1] + b"x")
    with pytest.raises(services.DocumentArchiveDamaged):
        services.read(issued)
    path.unlink()
    with pytest.raises(services.DocumentArchiveDamaged):
        services.read(issued)


def test_another_archived_file_cannot_be_put_in_its_place(place, _scope, words):
    first = issue(place)
    words.text = "another document"
    second = issue(place)
    db.session.connection().execute(
        sa.update(IssuedDocument.__table__)
        .where(IssuedDocument.id == first.id)
        .values(stored_key=second.stored_key)
    )
    db.session.expire_all()
    with pytest.raises(services.DocumentArchiveDamaged):
        services.read(db.session.get(IssuedDocument, first.id))


def test_erasing_the_customer_makes_his_documents_unreadable_and_leaves_the_row(place, _scope):
    letter = services.issue("core.letter", db.session.get(Customer, place.customer_id), "zh_Hans_CN")
    other = services.issue("core.record", db.session.get(Unit, place.unit_id), "zh_Hans_CN")
    db.session.commit()
    assert letter.customer_id == place.customer_id
    assert services.read(letter)
    audit.destroy_subject_key(f"customer:{place.customer_id}")
    db.session.commit()
    with pytest.raises(services.DocumentErased):
        services.read(letter)
    assert services.read(other)
    assert services.check(letter.verification_code).number == letter.number


def test_a_document_of_a_house_can_name_the_customer_whom_it_concerns(place, _scope, words):
    words.recipient = place.customer_id
    issued = issue(place)
    assert issued.customer_id == place.customer_id
    audit.destroy_subject_key(f"customer:{place.customer_id}")
    with pytest.raises(services.DocumentErased):
        services.read(issued)


FIXED = sorted(
    {column.key for column in sa.inspect(IssuedDocument).column_attrs}
    - {"withdrawn_at", "replaced_by_id", "id"}
)


@pytest.mark.parametrize("name", FIXED)
def test_no_field_of_an_issued_document_can_be_changed(place, _scope, name):
    issued = issue(place)
    value = getattr(issued, name)
    other = {str: "x", int: 12345}.get(type(value), 12345)
    if name == "issued_at":
        other = value.replace(year=2001)
    with all_departments("going past the wall"):
        setattr(issued, name, other)
        with pytest.raises(DocumentImmutable):
            db.session.flush()


def test_issued_documents_cannot_be_deleted_nor_changed_in_bulk(place, _scope):
    issued = issue(place)
    for statement in (sa.update(IssuedDocument).values(title="x"), sa.delete(IssuedDocument)):
        with pytest.raises(DocumentImmutable):
            db.session.execute(statement)
    db.session.delete(issued)
    with pytest.raises(DocumentImmutable):
        db.session.flush()


def test_withdrawing_and_replacing_are_the_only_changes(place, _scope):
    first, second = issue(place), issue(place)
    with pytest.raises(services.DocumentRefused):
        services.withdraw(first, " x ")
    services.withdraw(first, "wrong house")
    services.replace(second, first)
    db.session.commit()
    assert not services.check(first.verification_code).is_valid
    assert services.check(second.verification_code).replaced_by_number == first.number
    with pytest.raises(services.DocumentRefused):
        services.withdraw(first, "once more")
    entry = db.session.scalar(sa.select(AuditEntry).where(AuditEntry.action == "withdrawn"))
    assert entry.reason == "wrong house"


def test_issuing_is_refused_with_a_sentence(place, _scope, words):
    unit = db.session.get(Unit, place.unit_id)
    words.obstacle = "The second round is not finished yet."
    with pytest.raises(services.DocumentRefused, match="second round"):
        services.issue("core.record", unit, "zh_Hans_CN")
    words.obstacle = None
    for code, language in (("core.record", "fr"), ("core.letter", "zh_Hans_CN"), ("core.none", "en")):
        with pytest.raises(services.DocumentRefused):
            services.issue(code, unit, language)
    for missing in ("units.issue", "units.print"):
        reduced = dataclasses.replace(place.scope, permissions=place.scope.permissions - {missing})
        with use_scope(reduced), pytest.raises(services.DocumentRefused):
            services.issue("core.record", unit, "zh_Hans_CN")
    assert db.session.scalar(sa.select(IssuedDocument)) is None


def test_characters_that_cannot_be_printed_stop_the_issue_and_no_number_is_lost(place, _scope, words):
    words.text = "private \ue123 use"
    with pytest.raises(services.DocumentRefused, match="\ue123"):
        services.issue("core.record", db.session.get(Unit, place.unit_id), "zh_Hans_CN")
    db.session.rollback()
    words.text = "plain"
    assert issue(place).number.endswith("-0001")


def test_pictures_of_the_record_are_printed_and_those_out_of_reach_are_not(
    place, _scope, words, make_picture
):
    with all_departments("test"):
        attachment = attachments.attach(
            db.session.get(Unit, place.unit_id), io.BytesIO(make_picture(300, 200)), "a.jpg"
        )
        db.session.commit()
    words.pictures = (attachment.id,)
    assert reds(services.preview("core.record", db.session.get(Unit, place.unit_id), "en")) > 500
    unit = db.session.get(Unit, place.unit_id)
    with all_departments("test"):
        db.session.connection().execute(
            sa.update(attachments.Attachment.__table__).values(project_id=None, department_id=None)
        )
    assert reds(services.preview("core.record", unit, "en")) == 0


def reds(content: bytes) -> int:
    with pypdfium2.PdfDocument(content) as document:
        image = document[0].render(scale=0.5).to_pil().convert("RGB")
    data = image.tobytes()
    pixels = zip(data[::3], data[1::3], data[2::3], strict=True)
    return sum(1 for red, green, blue in pixels if red > 200 and green < 60 and blue < 60)


def test_codes_are_long_readable_and_forgiving():
    codes = {new_code() for _ in range(500)}
    assert len(codes) == 500
    for code in codes:
        assert normalise_code(code) == code
        assert normalise_code(grouped(code).lower()) == code
        assert normalise_code(code.replace("O", "0").replace("I", "1").replace("B", "8")) == code
    for wrong in ("", "A" * 20, "A" * 22, "A" * 10_000, "!" * 21, "%00", "\x00" * 21):
        assert normalise_code(wrong) is None


def test_anyone_can_check_a_code_and_learns_nothing_personal(act_as, place, words):
    words.text = "林岚 13800138000"
    with use_scope(place.scope):
        issued = services.issue("core.letter", db.session.get(Customer, place.customer_id), "zh_Hans_CN")
        db.session.commit()
        code, number, digest, content = (
            issued.verification_code,
            issued.number,
            issued.sha256,
            services.read(issued),
        )
    client = act_as(None)
    for address in (f"/verify/{code}", f"/verify/{grouped(code)}", f"/verify/{code.lower()}"):
        page = client.get(address)
        assert page.status_code == 200
        assert number in page.text
        assert digest in page.text
        for personal in ("林岚", "13800138000", "云栖湾", "YQW-1502"):
            assert personal not in page.text
    assert client.get(f"/verify/?code={grouped(code)}").headers["Location"] == f"/verify/{code}"
    compared = [
        client.post(f"/verify/{code}", data={"file": (io.BytesIO(sent), "a.pdf")}).text
        for sent in (content, content + b" ")
    ]
    assert "note ok" in compared[0].split("<h2>")[1]
    assert "note late" in compared[1].split("<h2>")[1]
    assert client.post(f"/verify/{code}").status_code == 200


@pytest.mark.parametrize("typed", ["A" * 21, "short", "A" * 5000, "%00", "..%2F..%2Fetc"])
def test_unknown_codes_are_answered_alike(act_as, place, typed):
    assert act_as(None).get(f"/verify/{typed}").status_code == 404


def test_the_routes_print_issue_and_download(act_as, place):
    client = act_as(place.scope)
    shown = client.get(f"/documents/preview/core.record/{place.unit_id}/en")
    assert shown.mimetype == "application/pdf"
    assert "DRAFT" in text_of(shown.data)
    answer = client.post(f"/documents/issue/core.record/{place.unit_id}", data={"language": "en"})
    assert answer.headers["Location"] == f"/pages/unit?id={place.unit_id}#section-core-documents"
    with use_scope(place.scope):
        issued = db.session.scalar(sa.select(IssuedDocument))
        archived = services.read(issued)
    download = client.get(f"/documents/issued/{issued.id}.pdf")
    assert download.data == archived
    assert "no-store" in download.headers["Cache-Control"]
    assert client.post(f"/documents/issued/{issued.id}/withdraw", data={"reason": "x"}).status_code == 302
    with use_scope(place.scope):
        db.session.refresh(issued)
        assert issued.withdrawn_at is None
    client.post(f"/documents/issued/{issued.id}/withdraw", data={"reason": "wrong house"})
    with use_scope(place.scope):
        db.session.refresh(issued)
        assert issued.withdrawn_at is not None


def test_strangers_reach_no_document(act_as, place):
    with use_scope(place.scope):
        issued_id = issue(place).id
        db.session.remove()
    strangers = [
        (None, 404),
        (dataclasses.replace(place.scope, project_ids=frozenset({place.project_id + 1})), 404),
        (Scope(project_ids=place.scope.project_ids, department_ids=frozenset()), 404),
    ]
    for scope, status in strangers:
        client = act_as(scope)
        assert client.get(f"/documents/preview/core.record/{place.unit_id}/en").status_code == status
        assert client.post(f"/documents/issue/core.record/{place.unit_id}").status_code == status
        assert client.get(f"/documents/issued/{issued_id}.pdf").status_code == status
    reader = dataclasses.replace(place.scope, permissions=frozenset({"units.view"}))
    client = act_as(reader)
    assert client.get(f"/documents/preview/core.record/{place.unit_id}/en").status_code == 403
    assert client.post(f"/documents/issue/core.record/{place.unit_id}").status_code == 403
    assert client.get(f"/documents/issued/{issued_id}.pdf").status_code == 404
    printer = dataclasses.replace(place.scope, permissions=frozenset({"units.view", "units.print"}))
    assert act_as(printer).get(f"/documents/issued/{issued_id}.pdf").status_code == 200
    for path in (
        "/documents/issued/99999999999999999999.pdf",
        "/documents/issued/x.pdf",
        "/documents/preview/a/1/en",
    ):
        assert client.get(path).status_code == 404
