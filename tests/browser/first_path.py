"""The site, the people and the browser of the test of the first path."""

from __future__ import annotations

import base64
import hmac
import io
import json
import os
import re
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from flask import Flask
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response
from werkzeug.serving import make_server

from core.app import create_app
from core.database.scope import all_departments
from core.extensions import db
from core.people import services as people
from core.people.models import Department, DepartmentKind, Role
from core.projects import services as projects
from core.projects.models import Unit

ROOT = Path(__file__).resolve().parents[2]
WORKBOOK = ROOT / "docs" / "samples" / "units-and-owners.xlsx"
EXPECTED: dict[str, Any] = json.loads(
    (ROOT / "docs" / "samples" / "units-and-owners.expected.json").read_text(encoding="utf-8")
)
SCREENSHOTS = ROOT / "tests" / "browser" / "screenshots"
TAKES_PICTURES = "DOORSTEP_SCREENSHOTS" in os.environ
"""Pictures of whole pages take longer than all the rest; ``DOORSTEP_SCREENSHOTS=1`` keeps them to be looked at."""

PASSWORD = "quiet-Harbour-58-lantern"
ADMINISTRATOR = "first@firstpath.example"
HEAD = "head@firstpath.example"
ENGINEER = "engineer@firstpath.example"

DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}

PHOTO_COLOURS = ((214, 40, 160), (20, 160, 210))
"""The two halves of the photo, colours that occur nowhere else in the product."""


def new_site(folder: Path, *, database_url: str) -> Flask:
    """Install on an empty database by commands, as an operator does, and make what no workbook brings.

    Args:
        folder: Instance folder.
        database_url: Address of an empty database.
    """
    settings = {
        "INSTANCE_PATH": str(folder),
        "DATABASE_URL": database_url,
        "PLUGINS_STRICT": True,
        "BASE_URL": "http://127.0.0.1",
    }
    _command(
        create_app(settings),
        ["setup"],
        [
            "create-administrator",
            "--email",
            ADMINISTRATOR,
            "--name",
            "系统管理员",
            "--password",
            PASSWORD,
        ],
    )
    app = create_app(settings)
    with app.app_context(), all_departments("people and project of a test"):
        _organise()
        db.session.commit()
    return app


def _command(app: Flask, *commands: list[str]) -> None:
    runner = app.test_cli_runner()
    for command in commands:
        result = runner.invoke(args=command)
        assert result.exit_code == 0, result.output


def _organise() -> None:
    region = db.session.query(Department).filter_by(kind=DepartmentKind.REGION).one()
    city = people.create_department(
        kind=DepartmentKind.CITY, code="WX", name="无锡公司", name_en="Wuxi Company", parent=region
    )
    group = people.create_department(
        kind=DepartmentKind.GROUP, code="WX-EN", name="工程部", name_en="Engineering", parent=city
    )
    for email, name, department, role in (
        (HEAD, "沈知微", city, "HEAD"),
        (ENGINEER, "赵磊", group, "ENG"),
    ):
        user = people.create_user(email=email, name=name, password=PASSWORD)
        people.grant(user, department, db.session.query(Role).filter_by(name=role).one())
        people.set_acting_department(user, department.id)
    project = projects.create_project(
        department=city,
        code="HPHY",
        name="湖畔花园一期",
        name_en="Lakeside Garden I",
        developer_name="无锡湖畔置业有限公司",
        address="无锡市滨湖区湖畔路 6 号",
    )
    phase = projects.create_phase(project, "1", "一期")
    for code in EXPECTED["project"]["buildings"]:
        projects.create_building(phase, code, f"{code}栋", total_floors=18)


def unit_id_of(app: Flask, code: str) -> int:
    """Return the id of a unit by its code."""
    with app.app_context(), all_departments("looking for a unit in a test"):
        return db.session.query(Unit).filter_by(code=code).one().id


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve the application in a thread; gives its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Staff:
    """Somebody with a browser of his own; whatever the browser complains of is noted.

    Attributes:
        page: The browser's page.
        complaints: Errors and warnings of the console, answers of 400 and more, requests to another host.
    """

    complaints: list[str]
    _count: ClassVar[int] = 0

    def __init__(
        self, browser: Browser, address: str, email: str, device: dict[str, Any], locale: str
    ) -> None:
        self.address, self.email, self.locale = address, email, locale
        self.complaints = []
        self.context: BrowserContext = browser.new_context(**device, locale=locale, accept_downloads=True)
        self.context.on("console", self._note_console)
        self.context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))
        self.context.on("request", self._note_request)
        self.context.on("response", self._note_response)
        self.page: Page = self.context.new_page()
        self.page.on("dialog", lambda dialog: dialog.accept())
        self._series = f"{locale[:2]}-{email.partition('@')[0]}"

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"console: {message.text}")

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.complaints.append(f"another host: {request.url}")

    def _note_response(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")

    def open(self, path: str) -> Page:
        """Open a page of the site."""
        self.page.goto(self.address + path)
        return self.page

    def sign_in(self) -> None:
        """Sign in by the form; set up the second factor where the site asks for it."""
        page = self.open("/login")
        page.locator("[name=email]").fill(self.email)
        page.locator("[name=password]").fill(PASSWORD)
        self.look("sign-in")
        page.locator("form[name=login_user_form] button.go").click()
        page.wait_for_url(re.compile(r"/admin/|/tf-setup"))
        if "/tf-setup" in page.url:
            self._set_up_second_factor()
        page.wait_for_url("**/admin/")
        # An account speaks Chinese until its owner chooses otherwise.
        if not self.locale.startswith("zh"):
            self.choose_english()
        self.look("home")

    def choose_english(self) -> None:
        """Go on in English, with the buttons of the top bar."""
        page = self.open("/admin/")
        with page.expect_navigation():
            page.locator(".top button[name=locale][value=en]").click()
        self.locale, self._series = "en-GB", f"en-{self.email.partition('@')[0]}"

    def _set_up_second_factor(self) -> None:
        page = self.page
        page.locator("[name=setup][value=authenticator]").check()
        page.locator("form[name=two_factor_setup_form] button.go").click()
        key = page.locator(".secret").inner_text()
        self.look("second-factor")
        page.locator("[name=code]").fill(one_time_code(key))
        page.locator("form[name=two_factor_verify_code_form] button.go").click()

    def look(self, name: str) -> None:
        """Check that nothing sticks out to the side, and keep a picture of the whole page where they are wanted."""
        wide = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if wide > 0:
            self.complaints.append(f"{self.page.url} is {wide} pixels too wide")
        if TAKES_PICTURES:
            SCREENSHOTS.mkdir(exist_ok=True)
            self.page.screenshot(path=SCREENSHOTS / f"{self._series}-{name}.png", full_page=True)

    def download(self, path: str) -> bytes:
        """Return the bytes of an address, fetched with the browser's cookies."""
        answer = self.context.request.get(self.address + path)
        assert answer.status == 200, path
        return answer.body()


def one_time_code(key: str) -> str:
    """Return what an authenticator app shows now for a key (RFC 6238), made without the site's own library."""
    letters = re.sub(r"[\s-]", "", key).upper()
    secret = base64.b32decode(letters + "=" * (-len(letters) % 8))
    digest = hmac.new(secret, struct.pack(">Q", int(time.time()) // 30), "sha1").digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def photo() -> bytes:
    """Return a JPEG as a phone's camera gives it: two colours side by side."""
    picture = Image.new("RGB", (1600, 1200), PHOTO_COLOURS[0])
    ImageDraw.Draw(picture).rectangle((800, 0, 1600, 1200), fill=PHOTO_COLOURS[1])
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=88)
    return stream.getvalue()
