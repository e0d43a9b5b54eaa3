"""Signing, freezing, supplements, checking, and what stays of a signature when its signer is erased."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
import sqlalchemy as sa
from PIL import Image

from core.admin.saving import SaveRefused, commit
from core.database.scope import all_departments, use_scope
from core.extensions import db
from core.machinery.audit.models import AuditEntry
from core.machinery.audit.services import customer_subject, destroy_subject_key
from core.machinery.signatures import declarations, printing, services
from core.machinery.signatures.guard import RecordSigned, SignedPart
from core.machinery.signatures.models import Signature, Supplement
from core.plugin_system import declarations as d
from core.plugin_system.runtime import EXTENSION_KEY, Runtime
from core.projects.models import Unit
from core.toolkit import supplement_parts

INK = json.dumps({"size": [300, 200], "strokes": [[[10, 10, 0.5, 0], [120, 80, 0.5, 9], [200, 20, 0.5, 20]]]})


class Words:
    """What the sample records are."""

    obstacle: str | None = None


SIGNABLE = d.Signable(
    record_kind="core.unit",
    roles={"owner": "Owner", "engineer": "Engineer"},
    content=lambda unit: {"code": unit.code, "facts": {"floor": unit.floor, "tags": ["a", "b"]}},
    sign_permission="units.edit",
    supplement_permission="units.edit",
    may_sign=lambda unit: Words.obstacle,
)


@pytest.fixture(autouse=True)
def signable(app, monkeypatch):
    """The unit can be signed; its layout is not part of what is signed."""
    Words.obstacle = None
    runtime = app.extensions[EXTENSION_KEY]
    declared = {"core": {**runtime.declared.of("core"), "signables": (SIGNABLE,)}}
    app.extensions[EXTENSION_KEY] = Runtime({}, declared, (), lambda slug: True)
    monkeypatch.setattr(Unit, "__signed__", SignedPart("core.unit", frozenset({"code", "floor"})))
    db.metadata.info.pop("signed_models", None)
    yield
    db.metadata.info.pop("signed_models", None)


def unit_of(place) -> Unit:
    return db.session.get_one(Unit, place.unit_id)


def signed(scene, **options) -> Signature:
    values = {"role": "owner", "name": " 林  岚 ", "picture": INK, **options}
    made = services.sign(unit_of(scene), **values)
    db.session.commit()
    return made


def test_a_signature_keeps_who_where_when_and_what(place):
    with use_scope(place.scope):
        made = signed(
            place,
            place="交付中心",
            position="31.2304,121.4737 ±12 m",
            device="Phone",
            customer_id=place.customer_id,
        )
        assert (made.name, made.role, made.method) == ("林 岚", "owner", "drawn")
        assert (made.place, made.position, made.device) == ("交付中心", "31.2304,121.4737 ±12 m", "Phone")
        assert made.content_hash == services.content_hash(SIGNABLE.content(unit_of(place)))
        assert (made.project_id, made.signer_subject) == (place.project_id, f"customer:{place.customer_id}")
        picture = Image.open(io.BytesIO(services.picture_of(made)))
        assert picture.width > picture.height
        assert b"strokes" not in made.sealed_strokes
        assert services.is_signed(unit_of(place))
        entry = db.session.scalar(sa.select(AuditEntry).where(AuditEntry.action == "signed"))
        assert entry.changes["sha256"] == [None, made.content_hash]
        created = db.session.scalar(sa.select(AuditEntry).where(AuditEntry.record_kind == "signature"))
        assert "林" not in json.dumps(created.changes, ensure_ascii=False)


def test_a_typed_name_has_no_picture_and_its_box_says_so(place):
    with use_scope(place.scope):
        made = signed(place, picture="")
        assert made.method == "typed"
        assert services.picture_of(made) is None
        owner, engineer = services.signature_boxes(unit_of(place), names={"engineer": "周工"})
        assert (owner["image"], owner["name"]) == ("", "林 岚")
        assert owner["note"]
        assert engineer == {"role": "Engineer", "name": "周工"}


@pytest.mark.parametrize("wrong", [{"name": "  "}, {"name": "x" * 81}, {"role": "nobody"}, {"picture": "{}"}])
def test_what_is_missing_is_said(place, wrong):
    with use_scope(place.scope), pytest.raises(services.SignatureRefused):
        signed(place, **wrong)


def test_a_record_that_is_not_ready_is_not_signed(place):
    Words.obstacle = "Not yet."
    with use_scope(place.scope), pytest.raises(services.SignatureRefused, match="Not yet"):
        signed(place)


def test_a_second_press_finds_the_same_signature(place):
    with use_scope(place.scope):
        first = signed(place, client_key="aaaa-bbbb-cccc")
        assert signed(place, client_key="aaaa-bbbb-cccc").id == first.id
        assert signed(place, client_key="aaaa-bbbb-dddd").id != first.id


@pytest.mark.parametrize("name", ["code", "floor"])
def test_what_was_signed_does_not_change(place, name):
    with use_scope(place.scope):
        signed(place)
        setattr(unit_of(place), name, "9" if name == "code" else 9)
        with pytest.raises(SaveRefused) as refused:
            commit()
        assert "补充" in refused.value.sentence or "supplement" in refused.value.sentence
        assert unit_of(place).code == "3-1-1502"
        unit_of(place).layout = "三房"
        commit()
        assert unit_of(place).layout == "三房"


def test_nobody_gets_around_the_guard_by_a_statement(place):
    with use_scope(place.scope):
        made = signed(place)
        for statement in (
            sa.update(Unit).values(code="x"),
            sa.delete(Unit),
            sa.update(Signature).values(name="x"),
            sa.delete(Signature),
        ):
            with pytest.raises(RecordSigned):
                db.session.execute(statement)
            db.session.rollback()
        db.session.execute(sa.update(Unit).values(layout="四房"))
        made.name = "别人"
        with pytest.raises(RecordSigned):
            db.session.flush()
        db.session.rollback()
        db.session.delete(made)
        with pytest.raises(RecordSigned):
            db.session.flush()
        db.session.rollback()
        db.session.delete(unit_of(place))
        with pytest.raises(RecordSigned):
            db.session.flush()
        db.session.rollback()


def test_the_check_notices_what_was_changed_past_every_guard(place, app):
    with use_scope(place.scope):
        signed(place)
        assert [check.match for check in services.verify(unit_of(place))] == ["matches"]
        db.session.commit()
        with db.engine.begin() as connection:
            connection.execute(sa.text("UPDATE unit SET floor = 31"))
        assert [check.match for check in services.verify(unit_of(place))] == ["changed"]
        db.session.rollback()
        with db.engine.begin() as connection:
            connection.execute(sa.text("UPDATE unit SET floor = NULL"))
            connection.execute(sa.text(f"UPDATE signature SET content_hash = '{'0' * 64}'"))
        assert [check.match for check in services.verify(unit_of(place))] == ["changed"]


def test_a_supplement_says_what_is_different_and_is_signed_itself(place):
    with use_scope(place.scope):
        with pytest.raises(services.SignatureRefused):
            services.supplement(unit_of(place), content={"code": "x"}, reason="nobody signed it")
        signed(place)
        content = services.signed_content(unit_of(place))
        with pytest.raises(services.SignatureRefused):
            services.supplement(unit_of(place), content=content, reason="nothing is different")
        content["facts"]["floor"] = 15
        with pytest.raises(services.SignatureRefused):
            services.supplement(unit_of(place), content=content, reason=" ")
        first = services.supplement(unit_of(place), content=content, reason="楼层更正")
        content["facts"]["tags"].append("c")
        services.supplement(unit_of(place), content=content, reason="补充标签")
        made = services.sign(unit_of(place), role="engineer", name="周工", picture=INK, under=first)
        db.session.commit()
        changes = services.supplement_changes(unit_of(place))
        assert [(each.number, each.reason) for each, _found in changes] == [(1, "楼层更正"), (2, "补充标签")]
        assert changes[0][1] == [services.Difference(("facts", "floor"), None, 15)]
        assert changes[1][1] == [services.Difference(("facts", "tags", "3"), None, "c")]
        assert [check.match for check in services.verify(unit_of(place))] == ["matches", "matches"]
        assert made.supplement_id == first.id
        first.content_hash = "0" * 64
        with pytest.raises(RecordSigned):
            db.session.flush()
        db.session.rollback()
        with db.engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE signature_supplement SET sealed_content = NULL WHERE number = 1")
            )
            connection.execute(
                sa.text(f"UPDATE signature_supplement SET content_hash = '{'0' * 64}' WHERE number = 1")
            )
        assert [check.match for check in services.verify(unit_of(place))] == ["matches", "changed"]


def test_the_document_prints_what_a_supplement_changed_and_who_signed_it(place, monkeypatch):
    words = {("code",): "House", ("facts", "floor"): "Floor"}
    monkeypatch.setattr(
        printing.services,
        "signable_of",
        lambda _record: replace(
            SIGNABLE,
            label=lambda path: words.get(path, path[-1]),
            value=lambda path, value: f"{value}F" if path[-1] == "floor" else value,
        ),
    )
    with use_scope(place.scope):
        signed(place)
        assert supplement_parts(unit_of(place)) == []
        content = services.signed_content(unit_of(place))
        content["facts"]["floor"] = 15
        content["extra"] = {"keys": 3, "paid": True, "note": ""}
        made = services.supplement(unit_of(place), content=content, reason="楼层更正")
        services.sign(unit_of(place), role="owner", name="林岚", picture=INK, under=made)
        del content["extra"]
        services.supplement(unit_of(place), content=content, reason="钥匙另附")
        db.session.commit()
        first, second = supplement_parts(unit_of(place), names={"owner": "林先生"})
        assert first["rows"] == [("Floor", "—", "15F"), ("extra", "—", "keys 3 · paid 是")]
        assert first["number"] == 1 and first["reason"] == "楼层更正"
        assert first["content_hash"] == made.content_hash
        assert [box["name"] for box in first["boxes"]] == ["林岚"]
        assert first["boxes"][0]["image"].startswith("data:image/png")
        assert second["boxes"] == [{"role": "Owner", "name": "林先生"}], "signed the record, not yet this"
        assert second["rows"] == [("extra", "keys 3 · paid 是", "—")]


def test_an_erased_customer_leaves_the_hash_and_nothing_else(place):
    with use_scope(place.scope):
        made = signed(place, place="家里", device="Phone", customer_id=place.customer_id)
        kept = made.content_hash
    with all_departments("a test"):
        assert declarations.customer_export(place.customer_id)["signatures"][0]["name"] == "林 岚"
        declarations.customer_erased(place.customer_id)
        destroy_subject_key(customer_subject(place.customer_id))
        db.session.commit()
        made = db.session.scalar(sa.select(Signature))
        assert (made.name, made.place, made.device, made.sealed_strokes) == ("", "", "", None)
        assert services.picture_of(made) is None
        assert made.content_hash == kept
        assert [check.match for check in services.verify(unit_of(place))] == ["matches"]


def test_merging_moves_signatures(place):
    from core.customers.models import Customer

    with use_scope(place.scope):
        signed(place, customer_id=place.customer_id)
    with all_departments("a test"):
        kept = Customer(name="留")
        db.session.add(kept)
        db.session.flush()
        declarations.customers_merged(kept.id, place.customer_id)
        made = db.session.scalar(sa.select(Signature))
        assert made.signer_customer_id == kept.id
        assert services.picture_of(made) is not None


def test_rows_of_a_supplement_are_not_written_in_bulk(place):
    with use_scope(place.scope), pytest.raises(RecordSigned):
        db.session.execute(sa.update(Supplement).values(reason="x"))
