"""The search index on both databases: fragments, two characters, upkeep, and characters with a meaning elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from core.database.search_index import SearchIndex, bigrams, escape_like, is_search_object


class Base(DeclarativeBase):
    """A MetaData of its own, so that the table is in no other test."""


class Person(Base):
    """Somebody to find."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    phone: Mapped[str | None] = mapped_column(sa.String(30))


INDEX = SearchIndex("person", ("name", "phone"), ("name",))
INDEX.attach(Person.__table__)

PEOPLE = [
    ("张伟明", "13800138000"),
    ("李张", None),
    ("A%b_c Ürgen-9", "+8613900"),
    ("欧", "1"),
    ("", ""),
]


@pytest.fixture
def session(create_database: Callable[[], str]) -> Iterator[Session]:
    engine = sa.create_engine(create_database())
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(Person(name=name, phone=phone) for name, phone in PEOPLE)
        session.commit()
        yield session
    engine.dispose()


def found(session: Session, text: str, columns: tuple[str, ...] | None = None) -> list[int]:
    dialect = session.get_bind().dialect.name
    condition = INDEX.matches(Person, text, columns, dialect)
    return list(session.scalars(sa.select(Person.id).where(condition).order_by(Person.id)))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("张伟", [1]),
        ("伟明", [1]),
        ("张伟明", [1]),
        ("李张", [2]),
        ("001380", [1]),
        ("0013", [1]),
        ("8613", [3]),
        ("a%b", [3]),
        ("%b_", [3]),
        ("A_b", []),
        ("ürg", [3]),
        ("ÜRG", [3]),
        ("n-9", [3]),
        ("张伟 0013", [1]),
        ("张伟 8613", []),
        ("李张 x", [2]),
        ("x", []),
        ("", []),
        ("张", []),
        ('"', []),
        ("'x", []),
        ('"*" OR', []),
        ("NEAR(张伟)", []),
        ("name:张伟", []),
        ("\\b_", []),
        ("x" * 500, []),
    ],
)
def test_words_are_found_as_they_are_written(text: str, ids: list[int], session: Session) -> None:
    assert found(session, text) == ids


def test_only_the_chosen_columns_are_searched(session: Session) -> None:
    assert found(session, "0013", ("phone",)) == [1]
    assert found(session, "0013", ("name",)) == []
    assert found(session, "张伟", ("phone",)) == []
    assert found(session, "张伟", ()) == []


def test_two_characters_search_the_short_columns_alone(session: Session) -> None:
    assert found(session, "13") == []


def test_the_index_follows_changes(session: Session) -> None:
    person = session.get_one(Person, 1)
    person.name = "王五六七"
    session.commit()
    assert (found(session, "张伟"), found(session, "五六"), found(session, "王五六")) == ([], [1], [1])
    assert found(session, "0013") == [1]
    session.delete(person)
    session.commit()
    assert (found(session, "五六"), found(session, "0013")) == ([], [])


def test_an_index_made_later_holds_the_rows_that_were_there(session: Session) -> None:
    engine = session.get_bind()
    assert isinstance(engine, sa.Engine)
    session.rollback()
    for statements in (
        INDEX.drop_statements(engine.dialect.name),
        INDEX.create_statements(engine.dialect.name),
    ):
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
    assert (found(session, "张伟"), found(session, "001380")) == ([1], [1])


def test_dropping_leaves_nothing_behind(session: Session) -> None:
    engine = session.get_bind()
    assert isinstance(engine, sa.Engine)
    session.rollback()
    Base.metadata.drop_all(engine)
    assert sa.inspect(engine).get_table_names() == []
    Base.metadata.create_all(engine)


def test_objects_of_indexes_are_told_by_their_names() -> None:
    for name in (
        "person_search3",
        "person_search2_docsize",
        "ix_person_name_search3",
        "ix_person_name_search2",
    ):
        assert is_search_object(name)
    for name in ("person", "ix_person_name", "search", "person_search", None):
        assert not is_search_object(name)


def test_names_that_are_not_plain_are_refused() -> None:
    for table, columns in (
        ("person; DROP", ("name",)),
        ("person", ("name)",)),
        ("person", ()),
        ("Person", ("name",)),
    ):
        with pytest.raises(ValueError, match=r"search index|plain"):
            SearchIndex(table, columns)
    with pytest.raises(ValueError, match="short columns"):
        SearchIndex("person", ("name",), ("phone",))


def test_pieces() -> None:
    assert bigrams("AbAb") == ["ab", "ba"]
    assert escape_like(r"50%_\x") == r"50\%\_\\x"
