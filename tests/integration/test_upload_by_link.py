"""What a visitor uploads by his link, up to the page of the staff: made anew without its secrets, or refused whole."""

from __future__ import annotations

import io

import pytest
import sqlalchemy as sa
from PIL import Image

from core.database.scope import all_departments
from core.extensions import db
from core.machinery.attachments.models import Attachment
from core.machinery.attachments.services import attachments_of, open_bytes
from plugins.warranty.models import Order
from plugins.warranty.tests.conftest import owner, site
from plugins.warranty.tests.helpers import sent

__all__ = ["owner", "site"]

WORDS = "门槛石渗水"
SECRET = "<script>alert(1)</script>"
GPS, LATITUDE, COMMENT = 0x8825, 2, 0x9286


def picture(kind: str = "JPEG") -> bytes:
    """A photo that tells where it was taken, with a script in its comment and behind its end."""
    image, stream = Image.new("RGB", (640, 480), "teal"), io.BytesIO()
    marks = Image.Exif()
    marks.get_ifd(GPS)[LATITUDE] = (22.0, 32.0, 1.0)
    marks[COMMENT] = SECRET
    image.save(stream, kind, exif=marks)
    return stream.getvalue() + SECRET.encode()


def upload(browser, page, *files: tuple[bytes, str]):
    """Report a problem with photos."""
    return sent(
        browser,
        page,
        step="report",
        fault_1="bathroom_leak",
        text_1=WORDS,
        photos_1=[(io.BytesIO(content), name) for content, name in files],
    )


def stored(running_app) -> tuple[int, int]:
    """How many orders and files there are."""
    with running_app.app_context(), all_departments("a test"):
        orders, files = sa.select(sa.func.count(Order.id)), sa.select(sa.func.count(Attachment.id))
        return db.session.scalar(orders), db.session.scalar(files)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photo_is_made_anew_and_reaches_the_staff(kind, owner, running_app, sign_in, client) -> None:
    content = picture(kind)
    assert Image.open(io.BytesIO(content)).getexif().get_ifd(GPS)
    assert upload(*owner, (content, "../../主卫 漏水.jpg")).status_code == 303
    with running_app.app_context(), all_departments("a test"):
        (file,) = attachments_of(db.session.scalars(sa.select(Order)).one())
        key, name, kept = file.id, file.file_name, open_bytes(file)
    assert "/" not in name
    assert name.startswith("主卫 漏水")
    assert SECRET.encode() not in kept
    seen = Image.open(io.BytesIO(kept))
    assert (seen.size, dict(seen.getexif())) == ((640, 480), {})
    shown = sign_in("engineer").get(f"/files/{key}")
    assert (shown.status_code, shown.data, shown.mimetype) == (200, kept, "image/jpeg")
    assert sign_in("sibling").get(f"/files/{key}").status_code == 404
    assert running_app.test_client().get(f"/files/{key}").status_code == 404
    assert client.get(f"/files/{key}").status_code == 404, "the visitor sees it on his page, not as staff do"


@pytest.mark.parametrize(
    "files",
    [
        [(SECRET.encode(), "photo.jpg")],
        [(picture(), "a.jpg"), (b"GIF89a" + SECRET.encode(), "b.jpg")],
        [(picture(), f"{number}.jpg") for number in range(11)],
    ],
    ids=["no picture", "one of two is none", "more than ten"],
)
def test_what_is_refused_is_refused_whole_and_the_words_are_kept(files, owner, running_app) -> None:
    answer = upload(*owner, *files)
    assert answer.status_code == 422
    assert WORDS in answer.text
    assert stored(running_app) == (0, 0)
