"""Attaching, serving and removing files on records."""

from __future__ import annotations

import dataclasses
import io

import pytest
import sqlalchemy as sa
from flask import url_for
from PIL import Image

from core.customers.models import Customer
from core.database.scope import Scope, all_departments, use_scope
from core.extensions import db
from core.machinery.attachments import services as attachments
from core.machinery.attachments.models import Attachment
from core.machinery.audit.models import AuditEntry
from core.projects.models import Unit


def attach(place, content: bytes, name: str = "照片.png", **options) -> int:
    with use_scope(place.scope):
        attachment = attachments.attach(
            db.session.get(Unit, place.unit_id), io.BytesIO(content), name, **options
        )
        db.session.commit()
        return attachment.id


def test_an_attachment_belongs_to_whom_its_record_belongs(place, make_picture):
    attach(place, make_picture(), slot="before", caption=" 渗水  处 ")
    with use_scope(place.scope):
        (attachment,) = attachments.attachments_of(db.session.get(Unit, place.unit_id))
        assert (attachment.record_kind, attachment.record_id) == ("core.unit", place.unit_id)
        assert (attachment.project_id, attachment.customer_id) == (place.project_id, None)
        assert (attachment.slot, attachment.caption, attachment.file_name) == (
            "before",
            "渗水 处",
            "照片.jpg",
        )
        assert attachments.open_bytes(attachment)[:2] == b"\xff\xd8"
        entry = db.session.scalar(sa.select(AuditEntry).where(AuditEntry.record_kind == "attachment"))
        assert entry.changes["file_name"] == [None, "照片.jpg"]
    with use_scope(dataclasses.replace(place.scope, project_ids=frozenset({place.project_id + 1}))):
        assert db.session.scalar(sa.select(Attachment)) is None
        with pytest.raises(LookupError):
            attachments.picture_bytes(str(attachment.id))


def test_the_place_on_a_photo_is_told_without_a_request_too(place, monkeypatch):
    def breadcrumbs(_unit):
        return [("云栖湾", url_for("files.upload"))]

    monkeypatch.setattr(attachments, "has_request_context", lambda: False)
    with use_scope(place.scope):
        unit = db.session.get_one(Unit, place.unit_id)
        kind = dataclasses.replace(attachments.kind_of(unit), breadcrumbs=breadcrumbs)
        [line, time] = attachments._watermark_lines(kind, unit)
    assert line.startswith("云栖湾 · ") and time == "{time}"


def test_attachments_are_read_for_many_records_at_once(place, make_picture):
    attach(place, make_picture())
    attach(place, make_picture(), slot="after")
    with use_scope(place.scope):
        unit = db.session.get(Unit, place.unit_id)
        found = attachments.attachments_by_record([unit])
        assert [item.slot for item in found[unit.id]] == ["", "after"]
        assert attachments.attachments_by_record([]) == {}
        assert [item.slot for item in attachments.attachments_of(unit, "after")] == ["after"]


def test_unknown_slots_and_kinds_are_refused(place, make_picture):
    with use_scope(place.scope):
        with pytest.raises(attachments.UploadRefused):
            attachments.attach(
                db.session.get(Unit, place.unit_id), io.BytesIO(make_picture()), "a.jpg", slot="elsewhere"
            )
        project = db.session.get(Unit, place.unit_id).project
        with pytest.raises(LookupError):
            attachments.attach(project, io.BytesIO(make_picture()), "a.jpg")


def test_erasing_a_customer_removes_his_files_and_leaves_those_of_others(place, make_picture):
    content, shared = make_picture(), make_picture(90, 50)
    attach(place, shared)
    with use_scope(place.scope):
        customer = db.session.get(Customer, place.customer_id)
        own = attachments.attach(customer, io.BytesIO(content), "身份证.jpg")
        both = attachments.attach(customer, io.BytesIO(shared), "b.jpg")
        db.session.commit()
        keys = own.sha256, both.sha256
        attachments.erase_of_customer(place.customer_id)
        store = attachments._means().store
        assert store.read(keys[0]), "nothing may be removed before the commit"
        db.session.commit()
        with pytest.raises(attachments.MissingFileError):
            store.read(keys[0])
        assert store.read(keys[1])
        assert attachments.attachments_of(customer) == []
        db.session.refresh(own)
        assert own.file_name == ""


def test_merging_moves_the_files(place, make_picture):
    with all_departments("test"):
        kept = Customer(name="甲")
        db.session.add(kept)
        db.session.flush()
        attachments.attach(db.session.get(Customer, place.customer_id), io.BytesIO(make_picture()), "a.jpg")
        attachments.move_to_customer(kept.id, place.customer_id)
        assert len(attachments.attachments_of(kept)) == 1
        assert attachments.of_customer(kept.id)[0]["file_name"] == "a.jpg"


def upload(client, place, *files, accept="application/json", **fields):
    data = {"record_kind": "core.unit", "record_id": str(place.unit_id), "slot": "", **fields}
    data["file"] = [(io.BytesIO(content), name) for content, name in files]
    return client.post(
        "/files/upload", data=data, headers={"Accept": accept}, content_type="multipart/form-data"
    )


def test_uploading_answers_what_the_panel_needs(act_as, place, make_picture):
    client = act_as(place.scope)
    answer = upload(client, place, (make_picture(), "照片.png"), (b"MZ bad", "b.exe"), slot="before")
    assert answer.status_code == 200
    (item,) = answer.json["files"]
    assert item["name"] == "照片.jpg"
    assert len(answer.json["errors"]) == 1
    assert "b.exe" in answer.json["errors"][0]
    shown = client.get(item["url"])
    assert shown.status_code == 200
    assert shown.mimetype == "image/jpeg"
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    assert "private" in shown.headers["Cache-Control"]
    assert shown.headers["Content-Disposition"].startswith("inline")
    assert max(Image.open(io.BytesIO(client.get(item["thumbnail"]).data)).size) <= 320
    assert client.get(item["url"], headers={"If-None-Match": shown.headers["ETag"]}).status_code == 304


def test_photos_carry_place_and_time_unless_the_department_says_no(
    act_as, app, place, make_picture, monkeypatch
):
    client = act_as(place.scope)
    content = make_picture(900, 600)
    marked = client.get(upload(client, place, (content, "a.png")).json["files"][0]["url"]).data
    monkeypatch.setattr("core.admin.files.setting", lambda component, key: False)
    plain = client.get(upload(client, place, (content, "a.png")).json["files"][0]["url"]).data
    lower = (0, 570, 900, 600)
    dark, light = (Image.open(io.BytesIO(data)).convert("L").crop(lower) for data in (marked, plain))
    assert max(dark.tobytes()) > 200 > max(light.tobytes())


def test_documents_are_downloads(act_as, place):
    client = act_as(place.scope)
    answer = upload(client, place, (b"%PDF-1.7 a contract", "合同.pdf"))
    shown = client.get(answer.json["files"][0]["url"])
    assert shown.headers["Content-Disposition"].startswith("attachment")
    assert "%E5%90%88%E5%90%8C.pdf" in shown.headers["Content-Disposition"]


def test_a_plain_form_returns_to_the_record_and_says_what_was_wrong(act_as, place):
    client = act_as(place.scope)
    answer = upload(client, place, (b"nothing", "a.txt"), accept="text/html")
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/pages/unit?id={place.unit_id}#section-core-attachments"
    with client.session_transaction() as session:
        assert "a.txt" in str(session["_flashes"])


def test_too_many_files_are_refused_whole(act_as, place, make_picture):
    client = act_as(place.scope)
    answer = upload(client, place, *[(make_picture(), f"{number}.jpg") for number in range(11)])
    assert answer.status_code == 422
    assert answer.json["files"] == []


@pytest.fixture
def strangers(place):
    """Scopes that must not reach the unit's file, by reason."""
    full = place.scope
    return {
        "nobody": None,
        "another project": dataclasses.replace(full, project_ids=frozenset({place.project_id + 1})),
        "no right to houses": dataclasses.replace(full, permissions=full.permissions - {"units.view"}),
    }


def test_strangers_get_404_for_files_and_uploads(act_as, place, make_picture, strangers):
    attachment_id = attach(place, make_picture())
    for reason, scope in strangers.items():
        client = act_as(scope)
        for path in (f"/files/{attachment_id}", f"/files/{attachment_id}/thumbnail"):
            assert client.get(path).status_code == 404, reason
        assert client.post(f"/files/{attachment_id}/remove").status_code == 404, reason
        assert upload(client, place, (make_picture(), "a.jpg")).status_code == 404, reason
    with use_scope(place.scope):
        assert len(attachments.attachments_of(db.session.get(Unit, place.unit_id))) == 1


def test_readers_may_look_and_not_touch(act_as, place, make_picture):
    attachment_id = attach(place, make_picture())
    client = act_as(dataclasses.replace(place.scope, permissions=frozenset({"units.view"})))
    assert client.get(f"/files/{attachment_id}").status_code == 200
    assert client.post(f"/files/{attachment_id}/remove").status_code == 403
    assert upload(client, place, (make_picture(), "a.jpg")).status_code == 403


def test_files_of_a_module_that_is_off_are_not_found(act_as, place, make_picture, monkeypatch):
    attachment_id = attach(place, make_picture())
    client = act_as(place.scope)
    monkeypatch.setattr("core.machinery.attachments.services.is_on", lambda component: False)
    assert client.get(f"/files/{attachment_id}").status_code == 404
    assert upload(client, place, (make_picture(), "a.jpg")).status_code == 404


@pytest.mark.parametrize(
    "path", ["/files/0", "/files/-1", "/files/abc", "/files/99999999999999999999", "/files/1.5"]
)
def test_odd_addresses_are_not_found(act_as, place, path):
    assert act_as(place.scope).get(path).status_code == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"record_id": "1 or 1=1"},
        {"record_id": "99999999999999999999"},
        {"record_kind": "core.nothing"},
        {"record_kind": "\x00"},
        {"record_id": ""},
    ],
)
def test_odd_records_are_not_found(act_as, place, make_picture, fields):
    assert upload(act_as(place.scope), place, (make_picture(), "a.jpg"), **fields).status_code == 404


def test_a_removed_file_is_gone_for_readers_and_kept_for_the_archive(act_as, place, make_picture):
    attachment_id = attach(place, make_picture())
    client = act_as(place.scope)
    assert client.post(f"/files/{attachment_id}/remove", headers={"Accept": "application/json"}).json == {
        "errors": []
    }
    assert client.get(f"/files/{attachment_id}").status_code == 404
    with use_scope(Scope(project_ids=None, department_ids=None)):
        row = db.session.get(Attachment, attachment_id)
        assert row.removed_at is not None
        assert attachments.open_bytes(row)
