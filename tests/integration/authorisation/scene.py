"""The stage: the world with a row of every kind in each project, a browser for each actor, and the ledger."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from functools import cached_property
from typing import Any
from unittest import mock
from urllib.parse import unquote

import sqlalchemy as sa
from flask import Flask
from PIL import Image
from pypdf import PdfReader

from core.admin.views import RecordView
from core.database.base import metadata
from core.database.scope import all_departments
from core.database.types import utc_now
from core.extensions import db
from core.machinery.attachments import services as attachments
from core.machinery.attachments.models import Attachment
from core.machinery.documents import services as documents
from core.machinery.documents.models import IssuedDocument
from core.machinery.documents.renderer import RenderedPdf
from core.machinery.jobs import services as jobs
from core.machinery.jobs.models import Job, JobFile
from core.machinery.links import services as links
from core.machinery.messages.outgoing import Recipient
from core.machinery.signatures import services as signatures
from core.people import services as people
from core.people.models import User
from core.plugin_system import switching
from core.plugin_system.models import PluginSwitch
from core.plugin_system.runtime import current_runtime
from core.projects.models import Unit
from core.testing.staff_client import StaffClient, csrf_token
from core.testing.world import PASSWORD, World
from core.timeline import catalogue as touchpoints
from tests.integration.authorisation.ledger import Ledger
from tests.integration.authorisation.oracle import ACTORS, PROJECTS, Actor
from tests.integration.authorisation.records import Records

COOKIE = "doorstep_session"
ALSO_MADE = (
    "approval_task",
    "approval_delegation",
    "touchpoint",
    "import_batch",
    "import_chunk",
    "job_failure",
    "job_log_line",
    "handover_inspection_result",
    "handover_inspection_room",
    "handover_delivery_letter",
    "handover_contact_attempt",
)
"""Tables that routes name rows of, although they are neither a record kind nor have a list."""
DEPARTMENTS = {"other_city": "乙城公司", "other_group": "乙城一组", "sibling_group": "甲城二组"}
"""Names of departments that pages of others must not show."""
PEOPLE = {"sibling": "用户sibling", "foreign": "用户other"}
"""Names of accounts that only those who see the project may read."""
_ECHO = re.compile(rb"[\s\xc2\xa0]+")


class Scene:
    """Everything that a matrix needs.

    Args:
        app: The running application, its database filled with the world.
        world: What is in it.
    """

    def __init__(self, app: Flask, world: World) -> None:
        self.app, self.world = app, world
        self.views = {view.endpoint: view for view in app.extensions["doorstep.admin"]._views}
        with app.app_context(), all_departments("setting the scene of the authorisation matrix"):
            self.plugins = tuple(plugin.slug for plugin in current_runtime().healthy())
            for slug in self.plugins:
                switching.switch_on(slug, world.departments["region"])
            keeper = people.create_user(email="keeper@test.example", name="用户keeper", password=PASSWORD)
            people.grant(keeper, world.department("group"), world.role("admin"))
            # The world gives personal.view to whoever may view; somebody has to read what is masked.
            service = world.role("service")
            kept = [code for code in service.permissions if code != "personal.view"]
            # Somebody has to open the pages of imports without the right to import anything.
            service.permissions = [*kept, "imports.use"]
            keeper.tf_primary_method = "authenticator"
            keeper.tf_totp_secret = db.session.get_one(User, world.users["admin"]).tf_totp_secret
            db.session.commit()
            self.accounts = {**world.users, "keeper": keeper.id}
            self.records = Records(world, self._choices())
            self.attachments = {target: self._attach(target) for target in PROJECTS}
            self.documents = {target: self._archive(target) for target in PROJECTS}
            self.signatures = {target: self._sign(target) for target in PROJECTS}
            for kind in current_runtime().declared.record_kinds():
                for target in PROJECTS:
                    self.records.key(kind.model, target)
            for view in self.views.values():
                if isinstance(view, RecordView):
                    for target in PROJECTS:
                        self.records.key(view.model, target)
            self.links = {target: self._link(target) for target in PROJECTS}
            for name in ALSO_MADE:
                for target in PROJECTS:
                    self.records.make(name, target)
            for target in PROJECTS:
                self._job(target)
            # Steps that reach a touchpoint need the catalogue.
            touchpoints.load()
            db.session.commit()
            self.permissions = self._permissions()
            self.ledger = Ledger(db.engine, metadata)
        self.browsers = {actor.name: self._browser(actor) for actor in ACTORS}
        self.remember()

    @cached_property
    def on_postgresql(self) -> bool:
        """Whether the run is the one on PostgreSQL."""
        with self.app.app_context():
            return db.engine.dialect.name == "postgresql"

    def remember(self) -> None:
        """Take the rows of now as those to which every request's changes are taken back."""
        with self.app.app_context():
            self.ledger.remember()

    def _choices(self) -> dict[tuple[str, str], Any]:
        found = {}
        for view in self.views.values():
            if isinstance(view, RecordView):
                for name in (*view.choices, *view.status_columns):
                    found[view.model.__tablename__, name] = [value for value, _words in view.choices_of(name)]
        return found

    def _permissions(self) -> dict[str, frozenset[str]]:
        role = metadata.tables["role"]
        with db.engine.connect() as connection:
            stored = dict(connection.execute(sa.select(role.c.id, role.c.permissions)).all())
        return {name: frozenset(stored[key] or ()) for name, key in self.world.roles.items()}

    def _attach(self, target: str) -> int:
        unit = db.session.get_one(Unit, getattr(self.world, target).unit_ids[0])
        made: Attachment = attachments.attach(
            unit,
            io.BytesIO(picture()),
            f"{self.records.canary(target)}.png",
            caption=self.records.canary(target),
        )
        db.session.commit()
        return made.id

    def _job(self, target: str) -> None:
        """Give the job of a project, which has ended, a file with a content."""
        means, content = jobs.means_of(), self.records.canary(target).encode()
        ended = sa.update(Job).where(Job.id == self.records.key(Job, target))
        db.session.execute(ended.values(ended_at=utc_now(), failed=1))
        stored = sa.update(JobFile).where(JobFile.id == self.records.key(JobFile, target))
        db.session.execute(stored.values(stored_key=means.store.put(means.encrypt(content))))
        db.session.commit()

    def _link(self, target: str) -> int:
        """Make a personal link to a notice of the target, as staff would."""
        from plugins.handover.models import RectificationNotice

        notice = db.session.get_one(RectificationNotice, self.records.key(RectificationNotice, target))
        person = Recipient(self.records.canary(target), phone="13800004321")
        made = links.make_link("handover.confirm_notice", notice, person)
        db.session.commit()
        return made.link.id

    def _archive(self, target: str) -> int:
        """Put a document into the archive as issuing would, with a text instead of a layout."""
        rows, content = getattr(self.world, target), self.records.canary(target).encode()
        means = documents.means_of_printing()
        issued = IssuedDocument(
            number=f"T-{target}",
            document_type="core.test",
            title=self.records.canary(target),
            language="en",
            template_version="0" * 64,
            sha256=hashlib.sha256(content).hexdigest(),
            pages=1,
            size=len(content),
            stored_key=means.store.put(means.encrypt(means.subject_of(None), content)),
            verification_code=f"TEST{target.upper()}",
            record_kind="core.unit",
            record_id=rows.unit_ids[0],
            project_id=rows.project_id,
        )
        db.session.add(issued)
        db.session.commit()
        return issued.id

    def _sign(self, target: str) -> int:
        """Put a signature under a house; that its kind is not signed does not matter to its picture."""
        ink = '{"size":[300,200],"strokes":[[[10,10],[200,90]]]}'
        made = signatures.sign(
            db.session.get_one(Unit, getattr(self.world, target).unit_ids[0]),
            role="owner",
            name=self.records.canary(target),
            picture=ink,
            content={"canary": self.records.canary(target)},
        )
        db.session.commit()
        return int(made.id)

    def _browser(self, actor: Actor) -> tuple[StaffClient, str, str]:
        browser = self.app.test_client()
        assert isinstance(browser, StaffClient)
        if actor.account is not None:
            browser.sign_in(self.accounts[actor.account])
        token = csrf_token(browser)
        cookie = browser.get_cookie(COOKIE)
        assert cookie is not None
        browser.sends_csrf = False
        return browser, cookie.value, token

    def switch_off(self) -> None:
        """Switch every plugin off everywhere; undone like any other change."""
        with self.app.app_context(), all_departments("switching everything off"):
            db.session.execute(sa.delete(PluginSwitch))
            db.session.commit()

    def send(self, actor: Actor, method: str, address: str, *, token: bool = True, **options: Any) -> Any:
        """Send a request from an actor's browser, as if it were the first of its session."""
        browser, cookie, csrf = self.browsers[actor.name]
        browser.set_cookie(COOKIE, cookie)
        headers = dict(options.pop("headers", {}))
        if token and method not in {"GET", "HEAD", "OPTIONS"}:
            headers["X-CSRFToken"] = csrf
        self.ledger.start()
        return browser.open(address, method=method, headers=headers, buffered=True, **options)

    def held(self, actor: Actor) -> frozenset[str]:
        """Return the permission codes that an actor holds where he acts."""
        return frozenset() if actor.role is None else self.permissions[actor.role]

    def forbidden(self, actor: Actor) -> dict[str, bytes]:
        """Return the texts that no answer to an actor may hold, by what they are."""
        found = {}
        for target in PROJECTS:
            rows = getattr(self.world, target)
            if target not in actor.sees or actor.account is None:
                found[f"canary of {target}"] = rows.canary.encode()
                found |= {f"phone of {target}": phone.encode() for phone in rows.phones[:1]}
        for name, words in DEPARTMENTS.items():
            if name not in actor.knows:
                found[f"name of {name}"] = words.encode()
        for target, words in PEOPLE.items():
            if target not in actor.sees:
                found[f"account of {target}"] = words.encode()
        if actor.account is None or actor.name == "sibling":
            found["shared customer"] = "共有客户".encode()
        if "personal.view" not in self.held(actor):
            found["unmasked phone"] = self.world.own.phones[0].encode()
            found["unmasked shared phone"] = b"13700009999"
        return found

    def close(self) -> None:
        """Stop watching the database."""
        self.ledger.close()


def picture() -> bytes:
    """Return a small PNG."""
    content = io.BytesIO()
    Image.new("RGB", (8, 8), "white").save(content, "PNG")
    return content.getvalue()


def readable(response: Any) -> bytes:
    """Return everything that an answer tells: headers, text, unpacked workbooks, text of PDFs, decoded JSON."""
    parts = [unquote(str(response.headers)).encode()]
    content = response.get_data()
    kind = response.content_type or ""
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            parts += [package.read(name) for name in package.namelist()]
    elif content.startswith(b"%PDF"):
        text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
        parts.append(_ECHO.sub(b"", text.encode()))
    elif "json" in kind:
        with contextlib.suppress(ValueError):
            parts.append(json.dumps(json.loads(content), ensure_ascii=False).encode())
    parts.append(content)
    return b"\n".join(parts)


@contextlib.contextmanager
def plain_documents() -> Iterator[None]:
    """Let documents come out as their HTML, and look at a picture once: what they tell is looked for in the bytes, and
    layout and decoding take time."""
    taken: dict[bytes, Any] = {}
    take_in = attachments.take_in

    def take_in_once(stream: Any, file_name: str, **options: Any) -> Any:
        content = stream.read()
        if content not in taken:
            taken[content] = take_in(io.BytesIO(content), file_name, **options)
        return taken[content]

    def render(job: Any, *_pool: Any) -> RenderedPdf:
        content = job.html.encode()
        return RenderedPdf(content, 1, hashlib.sha256(content).hexdigest())

    with (
        mock.patch.object(documents, "render_job_guarded", render),
        mock.patch.object(attachments, "take_in", take_in_once),
    ):
        yield
