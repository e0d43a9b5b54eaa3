"""A document loads what its caller listed and nothing else, whatever its HTML asks for."""

from __future__ import annotations

import base64
import io
import socket

import pytest
from PIL import Image
from pypdf import PdfReader

from core.machinery.documents.fetcher import DocumentFetcher, ResourceRefused, checked_picture
from core.machinery.documents.renderer import render_pdf

pytestmark = pytest.mark.no_database

FORBIDDEN = [
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "http://169.254.169.254/latest/meta-data/",
    "https://example.com/logo.png",
    "ftp://example.com/x",
    "package:core.machinery.documents/fonts.py",
    "package:core.machinery.documents/fonts/../fonts.py",
    "package:core.machinery.documents/fonts/%2e%2e/fonts.py",
    "package:core.machinery.documents/fonts/OFL.txt",
    "package:core.machinery.documents//etc/passwd",
    "package:core.people/static/logo.png",
    "package:os/path.css",
    "attachment:99",
    "attachment:../1",
    "data:text/html,<b>x</b>",
    "data:image/svg+xml;base64,PHN2Zy8+",
    "data:image/png;base64,AAAA",
    "/etc/passwd",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("url", FORBIDDEN)
def test_address_is_refused_and_logged(url, picture, caplog):
    fetcher = DocumentFetcher(attachments={"1"}, read_attachment=lambda identifier: picture())
    with pytest.raises(ResourceRefused):
        fetcher.fetch(url)
    assert fetcher.refused == [url]
    assert "was refused" in caplog.text


WAYS_IN = {
    "img": '<img src="{url}">',
    "style": '<p style="background-image: url({url}); list-style-image: url({url})">x</p>',
    "import": "<style>@import url({url});</style>",
    "font": "<style>@font-face {{ font-family: evil; src: url({url}) }}</style>",
    "content": "<style>p::before {{ content: url({url}) }}</style><p>x</p>",
    "stylesheet": '<link rel="stylesheet" href="{url}">',
    "embed": '<embed src="{url}">',
    "object": '<object data="{url}"></object>',
    "attachment": '<link rel="attachment" href="{url}">',
    "anchor attachment": '<a rel="attachment" href="{url}">x</a>',
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9" fill="url({url})"/></svg>',
    "base": '<base href="{url}"><img src="x.png">',
}


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://169.254.169.254/latest/meta-data/"])
@pytest.mark.parametrize("way", WAYS_IN)
def test_no_way_into_files_or_network(way, url, monkeypatch):
    def no_network(*arguments):
        raise AssertionError(f"a connection was opened: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    monkeypatch.setattr(socket, "create_connection", no_network)
    result = render_pdf(WAYS_IN[way].format(url=url) + "<p>End</p>")
    assert b"root:" not in result.content
    reader = PdfReader(io.BytesIO(result.content))
    assert not any(
        "root:" in data.decode("latin-1") for files in reader.attachments.values() for data in files
    )
    if way not in {"svg", "object", "base"}:
        assert url in result.refused_resources


def test_image_in_svg_is_not_drawn_at_all():
    with pytest.raises(Exception, match="<image>, which is not allowed"):
        render_pdf('<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>')


def test_listed_attachment_is_drawn_and_unlisted_is_not(picture, pages):
    style = "<style>@page { margin: 0 } body { margin: 0 } img { display: block; width: 50mm; height: 40mm }</style>"
    html = style + '<img src="attachment:%s">'
    store = {"1": picture("black"), "2": picture("black")}
    seen = render_pdf(html % "1", attachments={"1"}, fetch_attachment=store.__getitem__)
    assert pages(seen.content).ink((5, 5, 45, 35)) > 0.99
    unseen = render_pdf(html % "2", attachments={"1"}, fetch_attachment=store.__getitem__)
    assert pages(unseen.content).ink((5, 5, 45, 35)) == 0
    assert unseen.refused_resources == ("attachment:2",)


def test_attachment_that_is_gone_is_reported_not_fatal():
    result = render_pdf(
        '<img src="attachment:7"><p>x</p>', attachments={"7"}, fetch_attachment={}.__getitem__
    )
    assert result.refused_resources == ("attachment:7",)


def test_data_picture_is_drawn_and_a_huge_one_refused(picture):
    small = "data:image/png;base64," + base64.b64encode(picture()).decode()
    assert render_pdf(f'<img src="{small}">').refused_resources == ()
    huge = "data:image/png;base64," + "A" * 500_000
    (refused,) = render_pdf(f'<img src="{huge}">').refused_resources
    assert len(refused) <= 120


def test_picture_is_judged_by_content(picture):
    assert checked_picture(picture(kind="JPEG")) == "image/jpeg"
    for body in (b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"", b"%PDF-1.7", picture(kind="GIF")):
        with pytest.raises(ResourceRefused, match="not a PNG, JPEG or WebP"):
            checked_picture(body)


def test_picture_of_too_many_pixels_is_refused():
    bomb = io.BytesIO()
    Image.new("1", (10_000, 5_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 20_000
    with pytest.raises(ResourceRefused, match="10000×5000 pixels"):
        checked_picture(bomb.getvalue())
