"""An application with the data layer, the machinery and its routes, and one declared kind of record: the unit."""

from __future__ import annotations

import io
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from flask import Blueprint, Flask
from flask_login import LoginManager
from jinja2 import ChoiceLoader, DictLoader
from PIL import Image

import core.customers.models
import core.machinery.numbering.models
import core.people.models
import core.plugin_system.models
import core.projects.models
import core.timeline.models  # noqa: F401
from core import languages
from core.admin.documents import documents
from core.admin.files import files
from core.admin.verification import verification
from core.customers.models import Customer, CustomerProject
from core.database import encryption
from core.database.scope import Scope, all_departments, enter_scope
from core.database.setup import set_up_database
from core.extensions import db, limiter
from core.machinery import set_up_machinery
from core.machinery.attachments import declarations as attachment_declarations
from core.people.models import Department
from core.plugin_system import declarations as d
from core.plugin_system.runtime import EXTENSION_KEY, Runtime
from core.projects.letterhead import letterhead_of
from core.projects.models import Building, Phase, Project, Unit

TEMPLATE = """
{% extends "documents/base.html" %}
{% block content %}<p>{{ words }}</p>
{% for id in pictures %}<img src="attachment:{{ id }}" alt="">{% endfor %}
<p>{{ _("Printed %(time)s", time="") }}</p>{% endblock %}
"""

UNIT = d.RecordKind(
    code="core.unit",
    model=Unit,
    label="House",
    view_permission="units.view",
    edit_permission="units.edit",
    endpoint="pages.unit",
    title=lambda unit: unit.code,
    breadcrumbs=lambda unit: [("云栖湾", None)],
    attachment_slots={"before": "Before", "after": "After"},
)
CUSTOMER = d.RecordKind(
    code="core.customer",
    model=Customer,
    label="Customer",
    view_permission="customers.view",
    edit_permission="customers.edit",
    endpoint="pages.customer",
    title=lambda customer: f"{customer.id}",
)


class Words:
    """What the sample documents print; tests change it."""

    text = "验房记录 defect"
    pictures: tuple[int, ...] = ()
    obstacle: str | None = None
    recipient: int | None = None


def _context(record, language):
    return {"words": Words.text, "pictures": Words.pictures} | (
        {"recipient_customer_id": Words.recipient} if Words.recipient else {}
    )


RECORD = d.DocumentType(
    code="core.record",
    label="验房记录表",
    record_kind="core.unit",
    template="sample/record.html",
    context=_context,
    permission="units.print",
    issue_permission="units.issue",
    number_prefix="YF",
    may_issue=lambda record: Words.obstacle,
)
LETTER = d.DocumentType(
    code="core.letter",
    label="Letter",
    record_kind="core.customer",
    template="sample/record.html",
    context=_context,
    permission="customers.print",
    issue_permission="customers.issue",
    number_prefix="XH",
    languages=("zh_Hans_CN",),
)
EVERYTHING = frozenset(
    {
        "units.view", "units.edit", "units.print", "units.issue", "customers.view", "customers.edit",
        "customers.print", "customers.issue", "documents.view", "documents.withdraw", "audit.view",
    }
)  # fmt: skip

pages = Blueprint("pages", __name__)


@pages.get("/unit")
def unit() -> str:
    return "unit"


@pages.get("/customer")
def customer() -> str:
    return "customer"


@pytest.fixture
def app(core_tables_url: str, tmp_path) -> Iterator[Flask]:
    encryption.use_keys([encryption.generate_key()], encryption.generate_key())
    Words.text, Words.pictures, Words.obstacle, Words.recipient = "验房记录 defect", (), None, None
    app = Flask("core", instance_path=str(tmp_path), template_folder="templates")
    app.config.update(
        DATABASE_URL=core_tables_url,
        TESTING=True,
        SECRET_KEY="a test of the machinery",
        DEFAULT_LOCALE="zh_Hans_CN",
        BASE_URL="https://doorstep.example",
        INSTALLATION_NAME="Doorstep",
        FILE_BUCKET="",
        ATTACHMENT_FOLDER="",
        DOCUMENT_FOLDER="",
        JOB_FOLDER="",
        REDIS_URL="",
        RATELIMIT_ENABLED=False,
        MAX_CONTENT_LENGTH=12 << 20,
    )
    app.jinja_loader = ChoiceLoader([DictLoader({"sample/record.html": TEMPLATE}), app.jinja_loader])
    set_up_database(app)
    languages.set_up_languages(app)
    limiter.init_app(app)
    set_up_machinery(app, letterhead_of)
    off: set[str] = set()
    app.extensions["switched_off"] = off
    declared = {
        "core": {
            "record_kinds": (UNIT, CUSTOMER),
            "document_types": (RECORD, LETTER),
            "settings": tuple(attachment_declarations.settings()),
        }
    }
    app.extensions[EXTENSION_KEY] = Runtime({}, declared, (), lambda slug: slug not in off)
    for blueprint, prefix in (
        (files, "/files"),
        (documents, "/documents"),
        (verification, "/verify"),
        (pages, "/pages"),
    ):
        app.register_blueprint(blueprint, url_prefix=prefix)
    shell = Blueprint("shell", __name__)
    shell.add_url_rule("/preferences/language", "choose_language", lambda: "", methods=["POST"])
    issued_list = Blueprint("documents_issued", __name__)
    issued_list.add_url_rule("/issued", "index_view", lambda: "list")
    app.register_blueprint(issued_list)
    app.register_blueprint(shell)
    LoginManager(app).user_loader(lambda key: None)  # nobody signs in here: scopes are set directly
    app.context_processor(
        lambda: {
            "shell": SimpleNamespace(language="zh-Hans", installation="Doorstep", theme="", signed_in=False),
            "asset": lambda name, endpoint="static": f"/static/{name}",
            "csrf_token": lambda: "token",
        }
    )
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def place(app: Flask) -> SimpleNamespace:
    """A city company with one project, a unit, a customer, and the scope of somebody who may do everything there."""
    with all_departments("setting up a test"):
        city = Department(kind="city", code="SZ", name="深圳公司", name_en="Shenzhen", path="/1/")
        db.session.add(city)
        db.session.flush()
        project = Project(
            department_id=city.id, code="YQW", name="云栖湾", name_en="Cloud Bay", developer_name=""
        )
        db.session.add(project)
        db.session.flush()
        phase = Phase(project_id=project.id, code="1", name="一期")
        db.session.add(phase)
        db.session.flush()
        building = Building(project_id=project.id, phase_id=phase.id, code="3")
        db.session.add(building)
        db.session.flush()
        unit = Unit(project_id=project.id, building_id=building.id, number="1502", code="3-1-1502")
        customer = Customer(name="林岚")
        customer.project_links.append(CustomerProject(project_id=project.id))
        db.session.add_all([unit, customer])
        db.session.commit()
        return SimpleNamespace(
            unit_id=unit.id,
            customer_id=customer.id,
            project_id=project.id,
            scope=Scope(
                user_id=None,
                department_id=city.id,
                project_ids=frozenset({project.id}),
                department_ids=frozenset({city.id}),
                permissions=EVERYTHING,
            ),
        )


@pytest.fixture
def act_as(app: Flask):
    """A function that sets the scope in which the test client's requests run, and returns the client."""
    holder: dict[str, Scope | None] = {"scope": None}

    @app.before_request
    def _enter() -> None:
        if holder["scope"] is not None:
            enter_scope(holder["scope"])

    def choose(scope: Scope | None):
        holder["scope"] = scope
        return app.test_client()

    return choose


def picture(width: int = 60, height: int = 40, kind: str = "JPEG", **options) -> bytes:
    """The bytes of a picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", (width, height), "blue")
    image.paste("red", (0, 0, width // 2, height))
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


@pytest.fixture
def make_picture():
    return picture


@pytest.fixture
def words():
    return Words
