"""An application with the data layer and the audit log alone, on the database of the suite."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from flask import Flask

import core.customers.models
import core.machinery.attachments.models
import core.machinery.documents.models
import core.machinery.numbering.models
import core.people.models
import core.plugin_system.models
import core.projects.models
import core.timeline.models  # noqa: F401
from core.customers.models import Customer, CustomerProject
from core.database import encryption
from core.database.scope import all_departments
from core.database.setup import set_up_database
from core.extensions import db
from core.machinery.audit.services import install_capture
from core.people.models import Department
from core.projects.models import Project


@pytest.fixture
def app(core_tables_url: str, tmp_path) -> Iterator[Flask]:
    encryption.use_keys([encryption.generate_key()], encryption.generate_key())
    app = Flask("doorstep-audit", instance_path=str(tmp_path))
    app.config.update(DATABASE_URL=core_tables_url, TESTING=True)
    set_up_database(app)
    install_capture(db.session.session_factory)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def place(app: Flask) -> SimpleNamespace:
    """A city company with one project and one customer."""
    with all_departments("setting up a test"):
        city = Department(kind="city", code="SZ", name="深圳公司", path="/1/")
        db.session.add(city)
        db.session.flush()
        project = Project(department_id=city.id, code="YQW", name="云栖湾")
        db.session.add(project)
        db.session.flush()
        customer = Customer(
            name="林岚", phone="13800138000", identity_number="11010519491231002X", note="老客户"
        )
        customer.project_links.append(CustomerProject(project_id=project.id))
        db.session.add(customer)
        db.session.commit()
        return SimpleNamespace(city_id=city.id, project_id=project.id, customer_id=customer.id)
