"""What the program says in the history of an order is read in the reader's language; what was typed stays."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from flask_babel import force_locale

from core.toolkit import db, history_of
from plugins.warranty import words
from plugins.warranty.models import Responsibility, Saying, ToldHow
from plugins.warranty.sayings import SAYINGS, told
from plugins.warranty.services import orders, owners
from plugins.warranty.tests.helpers import closed, order_of

PACKAGE = Path(words.__file__).parent


def test_the_history_is_read_in_the_language_of_the_reader(site, scope_of):
    with scope_of("head"):
        with force_locale("zh_Hans_CN"):
            order = order_of(site.unit_ids[0])
            orders.urge(order)
            order = closed(order)
            order.score = None
            owners.rate(order, 4, "师傅很细心")
        lines = {}
        for language in ("zh_Hans_CN", "en"):
            with force_locale(language):
                lines[language] = [told(event) for event in order.events]
        typed = order.description
    assert lines["en"][0] == lines["zh_Hans_CN"][0] == typed, "what was typed stays"
    for chinese, english in (
        ("业主第 1 次催办。", "The owner urges, time 1."),
        ("判定：已过保修期", "Assessed: Warranty ended"),
        ("开始维修。", "The repair begins."),
        ("已关闭。", "Closed."),
        ("满意度：4 分（满分 5 分） · 师傅很细心", "Satisfaction: 4 of 5 · 师傅很细心"),
    ):
        assert chinese in lines["zh_Hans_CN"]
        assert english in lines["en"]


def test_the_remark_of_the_assessment_is_read_in_the_language_of_the_reader(site, scope_of):
    remarks = {"zh_Hans_CN": "承建单位", "en": "Contractor"}
    with scope_of("head"):
        for writer in remarks:
            with force_locale(writer):
                order = order_of(site.unit_ids[0])
                orders.triage(order, responsibility=Responsibility.CONTRACTOR)
            db.session.expire_all()
            for language, remark in remarks.items():
                with force_locale(language):
                    assert str(history_of(order)[0].comment) == remark


@pytest.mark.no_database
def test_every_saying_has_words():
    assert set(SAYINGS) == set(Saying)
    assert set(words.TOLD_HOW) == set(ToldHow)


@pytest.mark.no_database
def test_no_sentence_of_the_program_is_kept_in_the_writers_language():
    """A line of the history takes a saying; a translated text in it would be read by everybody in one language."""
    for path in (PACKAGE / "services").glob("*.py"):
        assert not re.search(r"note_event\([^()]*\b_\(", path.read_text("utf-8")), path.name


@pytest.mark.no_database
def test_the_revision_makes_codes_of_the_words_that_were_kept_and_leaves_others():
    revision = import_module(
        "plugins.warranty.migrations.warranty_0009_sayings_and_codes_of_how_owners_were_told"
    )
    engine = sa.create_engine("sqlite://")
    metadata = sa.MetaData()
    sa.Table("warranty_order_event", metadata, sa.Column("id", sa.Integer, primary_key=True))
    tables = [
        sa.Table(
            name,
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("told_how", sa.String(80)),
        )
        for name in ("warranty_extension", "warranty_expiry_notice")
    ]
    kept = ["短信", "by letter", "电话", "托邻居转告", ""]
    with engine.begin() as connection:
        metadata.create_all(connection)
        for table in tables:
            for word in kept:
                connection.execute(table.insert().values(told_how=word))
        with Operations.context(MigrationContext.configure(connection)):
            revision.upgrade()
            for table in tables:
                assert list(connection.scalars(sa.select(table.c.told_how))) == [
                    ToldHow.MESSAGE, ToldHow.LETTER, ToldHow.PHONE, "托邻居转告", "",
                ]  # fmt: skip
            revision.downgrade()
            for table in tables:
                assert list(connection.scalars(sa.select(table.c.told_how)))[:3] == ["短信", "书面", "电话"]
