"""Drawing over photos: the shapes, the pictures, the versions, and that the photo itself stays as it was taken."""

from __future__ import annotations

import io
import json

import pytest
import sqlalchemy as sa
from PIL import Image

from core.database.scope import use_scope
from core.extensions import db
from core.machinery.attachments import declarations, markup
from core.machinery.attachments import services as attachments
from core.machinery.attachments.models import Attachment, AttachmentMarkup
from core.machinery.audit.models import AuditEntry
from core.projects.models import Unit

ARROW = {"kind": "arrow", "colour": "yellow", "from": [0.1, 0.1], "to": [0.9, 0.9]}
CIRCLE = {"kind": "circle", "colour": "blue", "at": [0.5, 0.5], "radius": [0.2, 0.3]}
WORDS = {"kind": "text", "colour": "white", "at": [0.1, 0.6], "text": "渗水 <b>"}


def text(*shapes) -> str:
    return json.dumps(shapes)


def attach(place, content: bytes, name: str = "照片.png") -> int:
    with use_scope(place.scope):
        made = attachments.attach(db.session.get(Unit, place.unit_id), io.BytesIO(content), name)
        db.session.commit()
        return made.id


@pytest.fixture
def photo(place, make_picture) -> int:
    return attach(place, make_picture(400, 300))


def pixels(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "{}",
        "null",
        "[1]",
        "[" * 3_000,
        text({**ARROW, "colour": "#f00"}),
        text({**ARROW, "kind": "path"}),
        text({**ARROW, "to": [0.5, 1.5]}),
        text({**ARROW, "to": [0.5]}),
        text({**ARROW, "to": "ab"}),
        text({**ARROW, "to": [True, 0.5]}),
        text({**CIRCLE, "radius": None}),
        text({**WORDS, "text": " "}),
        text({**WORDS, "text": 5}),
        text({**WORDS, "text": "x" * 41}),
        text(*[ARROW] * 41),
        "x" * 40_001,
    ],
)
def test_what_is_no_drawing_is_refused(wrong):
    with pytest.raises(markup.MarkupRefused):
        markup.read_shapes(wrong)


def test_further_names_are_dropped_and_words_are_escaped():
    (shape,) = markup.read_shapes(text({**WORDS, "onload": "alert(1)"}))
    assert set(shape) == {"kind", "colour", "at", "text"}
    drawn = markup.svg([shape, ARROW, CIRCLE], 400, 300)
    assert "<b>" not in drawn
    assert "渗水 &lt;b&gt;" in drawn
    assert drawn.count("<path") == drawn.count("<ellipse") == 2


def test_the_drawing_lies_beside_the_photo_in_versions(place, photo):
    with use_scope(place.scope):
        attachment = db.session.get_one(Attachment, photo)
        before = attachments.open_bytes(attachment)
        layer = attachments.mark_up(attachment, text(ARROW, WORDS), 0)
        db.session.commit()
        assert (layer.version, attachment.markup_version) == (1, 1)
        assert attachments.open_bytes(attachment) == before
        shown = attachments.picture_bytes(str(photo))
        assert shown != before
        red, green, blue = pixels(shown).getpixel((240, 180))
        assert red > 180 and green > 140 and blue < 110
        assert pixels(shown).size == pixels(before).size
        assert max(pixels(attachments.shown_bytes(attachment, True)).size) == 320
        with pytest.raises(attachments.UploadRefused):
            attachments.mark_up(attachment, text(CIRCLE), 0)
        db.session.rollback()
        attachment = db.session.get_one(Attachment, photo)
        attachments.mark_up(attachment, text(CIRCLE), 1)
        assert attachments.markups_of([attachment])[photo].shapes[0]["kind"] == "circle"
        attachments.mark_up(attachment, "[]", 2)
        db.session.commit()
        assert attachments.shown_bytes(attachment) == before
        assert attachments.markups_of([attachment]) == {}
        versions = db.session.scalars(sa.select(AttachmentMarkup.version).order_by(AttachmentMarkup.version))
        assert list(versions) == [1, 2, 3]
        logged = db.session.scalars(
            sa.select(AuditEntry).where(AuditEntry.record_kind == "attachment_markup")
        )
        assert len(list(logged)) == 3


def test_only_photos_are_drawn_on(place):
    key = attach(
        place, b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog>>endobj\ntrailer<<>>\n%%EOF", "a.pdf"
    )
    with use_scope(place.scope), pytest.raises(attachments.UploadRefused):
        attachments.mark_up(db.session.get_one(Attachment, key), text(ARROW))


def test_the_page_keeps_the_drawing_when_it_is_refused(place, photo, act_as):
    browser = act_as(place.scope)
    assert "data-markup" in browser.get(f"/files/{photo}/markup").text
    kept = browser.post(f"/files/{photo}/markup", data={"shapes": text(ARROW), "version": "7"})
    assert kept.status_code == 422
    assert "arrow" in kept.text
    assert browser.post(f"/files/{photo}/markup", data={"shapes": "{", "version": "0"}).status_code == 422
    answer = browser.post(f"/files/{photo}/markup", data={"shapes": text(ARROW), "version": "0"})
    assert answer.status_code == 303
    marked = browser.get(f"/files/{photo}/thumbnail")
    original = browser.get(f"/files/{photo}")
    with use_scope(place.scope):
        attachment = db.session.get_one(Attachment, photo)
        assert original.data == attachments.open_bytes(attachment)
        assert marked.data == attachments.shown_bytes(attachment, True)
        assert marked.data != attachments.open_bytes(attachment, True)
        values = declarations.panel_values(db.session.get_one(Unit, place.unit_id))
        assert "<path" in values["layers"][photo]


def test_what_was_drawn_goes_with_its_customer(place, make_picture):
    from core.customers.models import Customer
    from core.database.scope import all_departments

    with use_scope(place.scope):
        customer = db.session.get_one(Customer, place.customer_id)
        made = attachments.attach(customer, io.BytesIO(make_picture(200, 150)), "a.png")
        layer = attachments.mark_up(made, text(WORDS))
        keys = [layer.sha256, layer.thumbnail_sha256]
        db.session.commit()
    with all_departments("a test"):
        attachments.erase_of_customer(place.customer_id)
        db.session.commit()
        assert db.session.scalar(sa.select(AttachmentMarkup)).shapes == []
        for key in keys:
            with pytest.raises(attachments.MissingFileError):
                attachments.stored_bytes(key)
