"""The sections that the machinery adds to every record page."""

from __future__ import annotations

import dataclasses
import io
from types import SimpleNamespace

import pytest
from flask import render_template

from core.admin.audit_log import set_up_audit_words
from core.database.scope import use_scope
from core.extensions import db
from core.machinery.attachments import declarations as attachment_declarations
from core.machinery.attachments import services as attachments
from core.machinery.audit import declarations as audit_declarations
from core.machinery.documents import declarations as document_declarations
from core.machinery.documents import services as documents
from core.projects.models import Unit


@pytest.fixture
def show(app, place):
    """A function that renders a panel of the unit for a set of permissions; None where it shows nothing."""
    set_up_audit_words(app)
    app.extensions["admin"] = [SimpleNamespace(_views=[])]

    def render(declarations, permissions=None):
        scope = (
            place.scope if permissions is None else dataclasses.replace(place.scope, permissions=permissions)
        )
        (panel,) = declarations.panels()
        with app.test_request_context(headers={"Accept-Language": "en"}), use_scope(scope):
            unit = db.session.get(Unit, place.unit_id)
            values = panel.load(unit)
            return (
                None
                if values is None
                else render_template(panel.template, record=unit, panel=panel, **values)
            )

    return render


def test_files_stand_in_their_slots_with_forms_for_editors_only(show, place, make_picture):
    with use_scope(place.scope):
        unit = db.session.get(Unit, place.unit_id)
        attached = attachments.attach(unit, io.BytesIO(make_picture()), "照片.jpg", slot="before")
        attachments.attach(unit, io.BytesIO(b"%PDF-1.7"), "<b>合同.pdf")
        db.session.commit()
        url = f"/files/{attached.id}"
    editor = show(attachment_declarations)
    assert f'href="{url}"' in editor
    assert f'src="{url}/thumbnail"' in editor
    assert editor.index('data-slot="before"') < editor.index(url)
    assert "&lt;b" not in editor
    assert "_b_合同.pdf" in editor
    assert f'action="{url}/remove"' in editor
    assert 'capture="environment"' in editor
    reader = show(attachment_declarations, frozenset({"units.view"}))
    assert url in reader
    assert "<form" not in reader


def test_without_files_a_reader_sees_no_section(show):
    assert show(attachment_declarations, frozenset({"units.view"})) is None
    assert "<form" in show(attachment_declarations)


def test_documents_offer_what_the_user_may_do(show, place, words):
    page = show(document_declarations)
    assert f"/documents/preview/core.record/{place.unit_id}/zh_Hans_CN" in page
    assert f"/documents/issue/core.record/{place.unit_id}" in page
    assert "core.letter" not in page
    with use_scope(place.scope):
        issued = documents.issue("core.record", db.session.get(Unit, place.unit_id), "en")
        db.session.commit()
        number, url = issued.number, f"/documents/issued/{issued.id}"
    page = show(document_declarations)
    assert number in page
    assert f'href="{url}.pdf"' in page
    assert f'action="{url}/withdraw"' in page
    words.obstacle = "The second round is not finished yet."
    page = show(document_declarations, frozenset({"units.view", "units.print", "units.issue"}))
    assert "The second round" in page
    assert "/documents/issue/" not in page
    assert "/withdraw" not in page
    assert show(document_declarations, frozenset({"units.view"})) is None


def test_the_change_log_shows_before_and_after(show, place):
    with use_scope(place.scope):
        db.session.get(Unit, place.unit_id).layout = "三房两厅"
        db.session.commit()
        db.session.get(Unit, place.unit_id).layout = "<script>"
        db.session.commit()
    page = show(audit_declarations)
    assert "<del>三房两厅</del> → <ins>&lt;script&gt;</ins>" in page
    assert page.count("<li>") == 3
    assert "<b>Created</b>" in page
