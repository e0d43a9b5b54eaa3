"""What is taken in is decided by content, made anew, and named safely."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from core.machinery.attachments import intake
from core.machinery.attachments.intake import UploadRefused, clean_name, take_in
from core.machinery.documents.fonts import FONT_FILES


@pytest.fixture(autouse=True)
def _context(app):
    """Messages are translated, which needs an application."""


def opened(taken: intake.Intake) -> Image.Image:
    return Image.open(io.BytesIO(taken.content))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pictures_of_all_kinds_become_jpeg(make_picture, kind):
    taken = take_in(io.BytesIO(make_picture(kind=kind)), "照片.png")
    image = opened(taken)
    assert (image.format, image.size) == ("JPEG", (60, 40))
    assert taken.media_type == "image/jpeg"
    assert taken.file_name == "照片.jpg"
    assert (taken.width, taken.height) == (60, 40)
    red, _green, blue = image.convert("RGB").getpixel((10, 20))
    assert red > 200
    assert blue < 60


def test_pictures_of_iphones_are_taken():
    pi_heif = pytest.importorskip("pi_heif")
    assert pi_heif.libheif_version()
    sample = Path(__file__).with_name("sample.heic")
    taken = take_in(io.BytesIO(sample.read_bytes()), "IMG_0001.HEIC")
    assert opened(taken).format == "JPEG"
    assert taken.file_name == "IMG_0001.jpg"


def test_large_pictures_are_made_small_and_get_a_thumbnail(make_picture):
    taken = take_in(io.BytesIO(make_picture(4000, 3000)), "a.jpg")
    assert opened(taken).size == (1600, 1200)
    assert max(Image.open(io.BytesIO(taken.thumbnail)).size) == 320
    assert len(taken.content) < 300_000


def exif_picture(make_picture) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Camera maker"
    exif.get_ifd(0x8769)[0x9003] = "2026:11:20 09:15:30"
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2] = "N", (22.0, 32.0, 0.0)
    return make_picture(exif=exif)


def test_the_camera_clock_is_kept_and_everything_else_of_exif_is_dropped(make_picture):
    content = exif_picture(make_picture)
    assert Image.open(io.BytesIO(content)).getexif().get_ifd(0x8825)
    taken = take_in(io.BytesIO(content), "a.jpg")
    assert taken.taken_at is not None
    assert taken.taken_at.isoformat() == "2026-11-20T09:15:30+08:00"
    image = opened(taken)
    assert not image.getexif()
    assert b"Camera maker" not in taken.content
    # Orientation 6: the red left half is the top of the upright picture.
    assert image.size == (40, 60)
    assert image.convert("RGB").getpixel((20, 10))[0] > 200


def test_what_hides_behind_a_picture_is_dropped(make_picture):
    script = b"<script>alert(1)</script>"
    taken = take_in(io.BytesIO(make_picture() + script), "a.jpg")
    assert script not in taken.content


def test_transparent_pictures_stand_on_white():
    target = io.BytesIO()
    Image.new("RGBA", (30, 30), (0, 0, 0, 0)).save(target, "PNG")
    taken = take_in(io.BytesIO(target.getvalue()), "signature.png")
    assert opened(taken).convert("RGB").getpixel((5, 5)) == (255, 255, 255)


def test_the_watermark_darkens_the_lower_edge_only(make_picture):
    content = make_picture(800, 600)
    plain = opened(take_in(io.BytesIO(content), "a.jpg")).convert("L")
    marked = opened(
        take_in(
            io.BytesIO(content),
            "a.jpg",
            watermark=["云栖湾 · 3-1-1502", "{time} · 林岚"],
            font=FONT_FILES[400],
        )
    ).convert("L")
    upper, lower = (0, 0, 800, 400), (0, 560, 800, 600)
    assert marked.crop(upper).tobytes()[::997] == plain.crop(upper).tobytes()[::997]
    bright = [value for value in marked.crop(lower).tobytes() if value > 230]
    assert len(bright) > 100, "there is no white text on the lower edge"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"\x7fELF" + bytes(200), "neither"),
        (b"MZ" + bytes(200), "neither"),
        (b"#!/bin/sh\nrm -rf /\n", "neither"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "neither"),
        (b"<html><script>1</script></html>", "neither"),
        (b"GIF89a" + bytes(100), "neither"),
        (b"%!PS-Adobe-3.0", "neither"),
        (b"\xff\xd8\xff\xe0" + bytes(300), "neither"),
        (b"PK\x03\x04" + bytes(100), "neither"),
    ],
)
def test_what_is_no_picture_or_document_is_refused(app, content, word):
    with (
        app.test_request_context(headers={"Accept-Language": "en"}),
        pytest.raises(UploadRefused, match=word),
    ):
        take_in(io.BytesIO(content), "photo.jpg")


def test_cut_off_pictures_are_refused(make_picture):
    content = make_picture(900, 900, "PNG")
    with pytest.raises(UploadRefused):
        take_in(io.BytesIO(content[: len(content) // 2]), "a.png")


def test_pictures_of_too_many_pixels_are_refused_before_they_are_decoded(app):
    target = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(target, "PNG")
    assert len(target.getvalue()) < 200_000
    with (
        app.test_request_context(headers={"Accept-Language": "en"}),
        pytest.raises(UploadRefused, match="megapixels"),
    ):
        take_in(io.BytesIO(target.getvalue()), "bomb.png")


def test_a_picture_of_forty_megapixels_is_taken():
    target = io.BytesIO()
    Image.new("RGB", (8000, 5000), "white").save(target, "JPEG", quality=20)
    assert opened(take_in(io.BytesIO(target.getvalue()), "large.jpg")).size == (1600, 1000)


def test_a_picture_that_needs_too_much_memory_is_refused_and_costs_this_process_nothing(
    make_picture, monkeypatch
):
    monkeypatch.setattr(intake, "WORKER_MEMORY", 60 * 1024 * 1024)
    with pytest.raises(UploadRefused):
        take_in(io.BytesIO(make_picture(6000, 6000)), "a.jpg")


def test_reading_stops_at_the_size_limit(app, monkeypatch):
    class Endless(io.RawIOBase):
        given = 0

        def read(self, count=-1):
            self.given += count
            return b"x" * count

    stream = Endless()
    with (
        app.test_request_context(headers={"Accept-Language": "en"}),
        pytest.raises(UploadRefused, match="10 MB"),
    ):
        take_in(stream, "endless.bin")
    assert stream.given < intake.MAX_BYTES + 1_000_000


def office(folder: str, **more: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(f"{folder}/document.xml", "<w/>")
        for name, content in more.items():
            archive.writestr(name.replace("__", "/").replace("_bin", ".bin"), content)
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "kept"),
    [
        (b"%PDF-1.7\n...", "合同.pdf", "合同.pdf"),
        (b"%PDF-1.7\n...", "合同.exe", "合同.pdf"),
        (office("word"), "通知.docx", "通知.docx"),
        (office("xl"), "表.bin", "表.xlsx"),
        (office("ppt"), "slides.pptx", "slides.pptx"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "Workbook".encode("utf-16-le") + bytes(90),
            "旧.xls",
            "旧.xls",
        ),
    ],
)
def test_documents_are_known_by_their_content_and_named_after_it(content, name, kept):
    taken = take_in(io.BytesIO(content), name)
    assert taken.file_name == kept
    assert taken.content == content
    assert taken.thumbnail == b""


def test_documents_with_macros_are_refused():
    for content in (
        office("word", word__vbaProject_bin=b"x"),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + "_VBA_PROJECT".encode("utf-16-le")
        + "Workbook".encode("utf-16-le")
        + bytes(9),
    ):
        with pytest.raises(UploadRefused):
            take_in(io.BytesIO(content), "a.docx")


def test_archives_that_unpack_to_far_more_are_refused():
    with pytest.raises(UploadRefused):
        take_in(io.BytesIO(office("word", word__big=bytes(30_000_000))), "bomb.docx")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("照片.jpg", "照片.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\验房 记录.pdf", "验房 记录.pdf"),
        ("a\x00b\r\n.pdf", "ab.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("  .htaccess ", "htaccess"),
        ("a<b>c:d.pdf", "a_b_c_d.pdf"),
        ("", "file"),
        ("..", "file"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
        ("名" * 300, "名" * 120),
    ],
)
def test_names_are_made_safe_and_stay_readable(given, kept):
    assert clean_name(given) == kept
