"""Reading a list: what is asked, how many rows there are, and the rows of one page.

The costs do not grow with the table: an unfiltered list is estimated instead of counted, a filtered one is counted to
10,000; the next and the previous page are read from the row at the edge of the page that is shown; late pages are read
from the end; the keys are found first, then the rows.
"""

from __future__ import annotations

import operator
import re
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask import current_app
from flask_babel import gettext as _
from sqlalchemy.orm import aliased, joinedload, load_only

from core.admin.access import holds
from core.admin.ajax import strict_id
from core.admin.filters import Chip, Filter, FilterValueError, LinkFilter
from core.admin.searching import clean_search
from core.database.scope import (
    CUSTOMER_LINK_TABLE,
    KEPT_SELECT,
    READS_FEW,
    ByCustomer,
    ByProject,
    require_scope,
    scoped_models,
)
from core.extensions import db
from core.machinery.exchange import services as imports
from core.machinery.exchange.models import ImportState
from core.plugin_system.runtime import current_runtime

if TYPE_CHECKING:
    from core.admin.views import RecordView

COUNT_LIMIT = 10_000
"""A filtered list is counted up to here."""
DEEPEST_OFFSET = 50_000
"""A page that lies deeper and is not reached from its neighbour is answered by the last page."""
SHALLOW_OFFSET = 500
"""Up to here the rows are read at once, beyond it the keys first."""
PAGE_SIZES = (50, 100, 200)
MOST_PROJECTS = 100
"""Of so many visible projects the first rows of each are read for a page; of more, all rows are walked in order."""
REMEMBERED_SECONDS = 60.0
"""How long it is remembered that a list is long."""
MOST_REMEMBERED = 1_024

_COMPARISONS = frozenset({operator.eq, operator.ge, operator.gt, operator.le, operator.lt})
_EDGE_VALUE, _EDGE_KEY = "edge_value", "edge_key"
_LONG_LISTS = "doorstep.admin.long_lists"
_PAGE = re.compile(r"-?[0-9]{1,9}")
IMPORT = "import"
"""The argument that narrows a list to what one import made and changed."""
_OWN_ARGUMENTS = frozenset({"page", "after", "before", "sort", "desc", "search", "size", IMPORT})


class Certainty(StrEnum):
    """How far a number of rows can be trusted."""

    EXACT = "exact"
    AT_LEAST = "at_least"
    ABOUT = "about"


@dataclass(frozen=True)
class Count:
    """How many rows a list has."""

    number: int
    certainty: Certainty = Certainty.EXACT

    def __str__(self) -> str:
        """Return 84, 10,000+ or ≈ 1,000,000."""
        if self.certainty is Certainty.AT_LEAST:
            return f"{self.number:,}+"
        return f"≈ {self.number:,}" if self.certainty is Certainty.ABOUT else f"{self.number:,}"


@dataclass
class ListRequest:
    """What the address of a list asks for, with everything unusable already replaced.

    Attributes:
        page: From 0; -1 is the last page, -2 the one before it.
        after: Key of the last row of the page before, or None.
        before: Key of the first row of the page after, or None.
        sort: Name of the column, or ``id``.
        descending: Whether the largest comes first.
        search: What is searched, cleaned.
        typed_search: What stands in the search field, also when it is too short to be searched.
        size: Rows a page.
        conditions: What the filters ask for.
        link: The only condition, when it is a link filter that the list can be read along.
        chips: The active filters.
        typed: What was typed into each filter, by the name of its column.
        complaints: Sentences about values that cannot be used.
        arguments: The arguments that make this list again, without the page.
    """

    page: int = 0
    after: int | None = None
    before: int | None = None
    sort: str = "id"
    descending: bool = True
    search: str = ""
    typed_search: str = ""
    size: int = PAGE_SIZES[0]
    conditions: list[sa.ColumnElement[bool]] = field(default_factory=list)
    link: tuple[LinkFilter, int] | None = None
    chips: list[Chip] = field(default_factory=list)
    typed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def narrowed(self) -> bool:
        """Whether the list was searched or filtered."""
        return bool(self.search or self.chips)


def read_request(view: RecordView, arguments: Mapping[str, str]) -> ListRequest:
    """Return what the arguments of an address ask for; nothing in them can make it fail.

    Args:
        view: The list's view.
        arguments: ``page``, ``after``, ``before``, ``sort``, ``desc``, ``search``, ``size`` and the filters' own;
            without any, the list opens as :meth:`~core.admin.views.RecordView.opening_arguments` says.
    """
    arguments = arguments or view.opening_arguments()
    asked = ListRequest(sort=view.default_sort[0], descending=view.default_sort[1])
    page = arguments.get("page", "0")
    asked.page = int(page) if _PAGE.fullmatch(page) else (-1 if page.isdigit() else 0)
    asked.after, asked.before = strict_id(arguments.get("after")), strict_id(arguments.get("before"))
    sort = arguments.get("sort", "")
    if sort in view.sortable_now():
        asked.sort, asked.descending = sort, arguments.get("desc") == "1"
        asked.arguments |= {"sort": sort, "desc": "1" if asked.descending else None}
    size = strict_id(arguments.get("size"))
    if size in PAGE_SIZES:
        asked.size = size
        asked.arguments["size"] = size
    elif view.page_size:
        asked.size = view.page_size
    _read_search(view, arguments, asked)
    _read_filters(view, arguments, asked)
    _read_import(view, arguments, asked)
    return asked


def _read_search(view: RecordView, arguments: Mapping[str, str], asked: ListRequest) -> None:
    text = clean_search(arguments.get("search"))
    if not text or view.search is None:
        return
    asked.typed_search = text
    if not view.search.is_long_enough(text):
        asked.complaints.append(_("Type at least two characters to search; the list is shown unsearched."))
        return
    asked.search = text
    asked.arguments["search"] = text


def _read_filters(view: RecordView, arguments: Mapping[str, str], asked: ListRequest) -> None:
    links: list[tuple[LinkFilter, int]] = []
    for each in view.filters_now():
        typed = each.typed(arguments)
        if not any(typed):
            continue
        asked.typed[each.column] = typed
        try:
            conditions = each.conditions(view, typed)
            chip = Chip(str(view.filter_label(each)), each.words(view, typed), each.arguments)
        except FilterValueError as error:
            asked.complaints.append(_("%(what)s: %(value)s", what=view.filter_label(each), value=error))
            continue
        asked.conditions += conditions
        asked.chips.append(chip)
        asked.arguments |= dict(zip(each.arguments, typed, strict=True))
        if isinstance(each, LinkFilter):
            links.append((each, int(typed[0])))
    if len(asked.chips) == 1 and links and not asked.search:
        asked.link = links[0]


def _read_import(view: RecordView, arguments: Mapping[str, str], asked: ListRequest) -> None:
    """Narrow the list to what an import of the acting user made and changed."""
    if not arguments.get(IMPORT):
        return
    key = strict_id(arguments[IMPORT])
    batch = imports.find_import(key) if key is not None else None
    declared = current_runtime().declared.import_declaration(batch.kind) if batch is not None else None
    if (
        batch is None
        or declared is None
        or declared.importer.model is not view.model
        or batch.state != ImportState.WRITTEN
    ):
        asked.complaints.append(
            _("There is no import of yours with this number whose rows stand in this list.")
        )
        return
    condition = imports.written_condition(batch, view.model.id)
    if condition is None:
        asked.complaints.append(
            _(
                "The rows of this import lie too far apart to be picked from the list; its own page shows them."
            )
        )
        return
    asked.conditions.append(condition)
    asked.chips.append(Chip(_("Import"), batch.file_name, (IMPORT,)))
    asked.arguments[IMPORT] = batch.id
    asked.link = None


@dataclass
class Page:
    """One page of a list.

    Attributes:
        records: The rows, in order.
        count: How many rows the whole list has; None when the page asks for it once it is shown, because counting
            would take longer than reading the page.
        number: From 0; negative when counted from the end.
        has_previous: Whether rows come before.
        has_next: Whether rows come after.
    """

    records: list[Any]
    count: Count | None
    number: int
    has_previous: bool
    has_next: bool


class Lister:
    """Reads one page of one list.

    Args:
        view: The list's view.
        asked: What is asked.
    """

    def __init__(self, view: RecordView, asked: ListRequest) -> None:
        self.view = view
        self.asked = asked
        self.model = view.model
        self.dialect = db.session.get_bind().dialect.name
        self.narrowing = list(view.row_conditions())
        self.key = self.model.id
        self.conditions = [*self.narrowing, *asked.conditions]
        if asked.search and view.search:
            self.conditions.append(view.search.condition(self.model, asked.search))
        if asked.link and asked.sort == "id" and not self.narrowing:
            link, chosen = asked.link
            self.key = link.near_column
            self.conditions = [link.far_column == chosen]
        self.sort = self.key if asked.sort == "id" else getattr(self.model, asked.sort)
        self._few = False
        self._keepable = self._conditions_to_keep()

    def page(self) -> Page:
        """Return the page that is asked for, or the nearest that exists."""
        asked = self.asked
        if asked.page == 0 and asked.after is None and asked.before is None and not asked.search:
            return self._first_page()
        if asked.search and self.sort is self.key:
            return self._found_page()
        if asked.search:
            count = self.count()
            self._few = count.certainty is Certainty.EXACT
            return self._from_neighbour(count) or self._by_number(count)
        told = self._count_at_hand()
        return self._from_neighbour(told) or self._by_number(told or self.count())

    def _found_page(self) -> Page:
        """Return a page of what a search found, in the order of the keys.

        The search is asked once for its keys, which are counted by that, instead of once to count and once for a page.
        """
        asked, size = self.asked, self.asked.size
        found = list(db.session.scalars(sa.select(self.key).where(*self.conditions).limit(COUNT_LIMIT + 1)))
        if len(found) > COUNT_LIMIT:
            count = _told(len(found))
            return self._from_neighbour(count) or self._by_number(count)
        keys = sorted(found, reverse=asked.descending)
        last = max((len(keys) - 1) // size, 0)
        number = min(max(asked.page + last + 1 if asked.page < 0 else asked.page, 0), last)
        start = number * size
        edge = asked.after if asked.after is not None else asked.before
        if edge is not None:
            beyond = bisect_right if asked.after is not None else bisect_left
            place = beyond(
                keys, -edge if asked.descending else edge, key=operator.neg if asked.descending else None
            )
            start = place if asked.after is not None else max(place - size, 0)
            if start >= len(keys):
                start = last * size
        records = self._load(keys[start : start + size])
        return Page(records, Count(len(keys)), number, start > 0, start + size < len(keys))

    def _first_page(self) -> Page:
        """Return the first page; when it is the only one, its rows are counted by having been read."""
        size = self.asked.size
        if self.key is not self.model.id:
            found = self._along_links(size + 1, True, None)
            records, has_next = self._complete(found[:size]), len(found) > size
        else:
            records, has_next = self._rows(size, 0)
        if not has_next:
            return Page(records, Count(len(records)), 0, False, False)
        return Page(records, self._count_at_hand(), 0, False, True)

    @cached_property
    def _projects_first(self) -> bool:
        """Whether the first rows of each visible project are taken, and of these the first.

        Walking all rows in order until a page of visible ones is found takes long where they lie far apart; so does
        sorting all visible ones. An index on the project and the sorted column gives the first of each at once.
        """
        rule = self.model.__scope__
        projects = require_scope().project_ids
        return (
            isinstance(rule, ByProject)
            and projects is not None
            and 0 < len(projects) <= MOST_PROJECTS
            and self.key is self.model.id
            and not self.conditions
            and is_sorted_in_projects(self.model, rule.column, self.sort.key)
        )

    def _keys_in_order(
        self, limit: int, forward: bool, conditions: Sequence[sa.ColumnElement[bool]], offset: int = 0
    ) -> sa.Select[Any]:
        """Return the select of the keys that meet the conditions, in walking order."""
        if not self._projects_first or limit + offset > SHALLOW_OFFSET:
            statement = sa.select(self.key).where(*conditions).order_by(*self._order(forward))
            return statement.limit(limit).offset(offset or None)
        project, row = scoped_models()["project"], _row_of(self.model)
        column = getattr(self.model, self.model.__scope__.column)
        firsts = sa.select(self.key.label("key"), self.sort.label("sorted")).where(
            column == project.id, *conditions
        )
        firsts = firsts.order_by(*self._order(forward)).limit(limit + offset).correlate(project)
        if self.dialect == "postgresql":
            first = firsts.lateral()
            statement = sa.select(first.c.key).select_from(project).join(first, sa.true())
            order = [first.c.sorted, first.c.key]
        else:
            # SQLite knows no LATERAL, and takes the keys of each project by a list instead.
            statement = sa.select(row.id).join_from(
                project, row, row.id.in_(firsts.with_only_columns(self.key))
            )
            order = [row.id] if self.sort is self.key else [getattr(row, self.sort.key), row.id]
        directed = [each.desc() if self._descends(forward) else each.asc() for each in order]
        return statement.order_by(*directed).limit(limit).offset(offset or None)

    @property
    def _reads_keys_first(self) -> bool:
        """Whether a page is read by the keys that a select within its statement finds.

        SQLite does not see that a page has fifty rows. For lists that show columns of other tables it first reads all
        of these into a filter of its own, and it leaves an index aside that does not hold all that is shown, unless the
        keys are given.
        """
        return self._projects_first or (
            self.dialect == "sqlite"
            and self.key is self.model.id
            and (bool(self.conditions) or require_scope().project_ids is not None)
            and (self.sort is not self.key or self.view.list_reads_other_tables)
        )

    def _page_select(
        self, limit: int, forward: bool, conditions: Sequence[sa.ColumnElement[bool]], offset: int = 0
    ) -> sa.Select[Any]:
        """Return the select of the rows that meet the conditions, in walking order."""
        statement = self.view.list_select().order_by(*self._order(forward))
        if self._reads_keys_first:
            keys = self._keys_in_order(limit, forward, conditions, offset).correlate(None)
            return statement.where(self.model.id.in_(keys), *self.narrowing)
        return statement.where(*conditions).limit(limit).offset(offset or None)

    def keys(self, limit: int) -> list[int]:
        """Return the keys of the whole list in its order, ``limit`` at most."""
        return self._walk(limit, True, None)

    def count(self) -> Count:
        """Return how many rows the list has: exact up to 10,000, beyond it about or at least.

        That a whole list is long is remembered for a minute: it is told as "about" or "at least", and counting again
        takes longer than reading the page.
        """
        if self.conditions:
            return self._count()
        known = self._remembered_count()
        if known is not None:
            return known
        count = self._count()
        if count.certainty is not Certainty.EXACT:
            kept = _long_lists()
            if len(kept) >= MOST_REMEMBERED:
                kept.clear()
            key = (self.model.__tablename__, require_scope())
            kept[key] = (time.monotonic() + REMEMBERED_SECONDS, count)
        return count

    def _remembered_count(self) -> Count | None:
        known = _long_lists().get((self.model.__tablename__, require_scope()))
        return known[1] if known is not None and known[0] > time.monotonic() else None

    def _count_at_hand(self) -> Count | None:
        """Return how many rows the list has if that is known without counting them, else None."""
        if self.conditions:
            return None
        if self.model.__scope__.criterion(self.model, require_scope()) is None:
            return self.count()
        return self._remembered_count()

    def _count(self) -> Count:
        if not self.conditions and self.model.__scope__.criterion(self.model, require_scope()) is None:
            return self._estimated()
        return _told(self.count_up_to(COUNT_LIMIT + 1))

    def count_up_to(self, limit: int) -> int:
        """Return how many rows the list has, ``limit`` at most."""
        rule = self.model.__scope__
        is_whole = not self.conditions and require_scope().project_ids is not None
        if is_whole and isinstance(rule, ByCustomer) and rule.column == "id":
            return _linked_customers(limit)
        return bounded_count(sa.select(self.key).where(*self.conditions), limit)

    def reachable(self) -> list[sa.ColumnElement[bool]]:
        """Return the wall's condition once more in a form that databases start from when they read many rows.

        The wall asks for each customer whether a link leads to a visible project; whoever reads a tenth of all
        customers is faster starting from the links.
        """
        scope = require_scope()
        rule = self.model.__scope__
        if self.key is not self.model.id or not isinstance(rule, ByCustomer) or scope.project_ids is None:
            return []
        link = scoped_models()[CUSTOMER_LINK_TABLE]
        return [getattr(self.model, rule.column).in_(sa.select(link.customer_id))]

    def _estimated(self) -> Count:
        if self.dialect == "postgresql":
            about = _rows_by_statistics(self.model.__tablename__)
            if about > 2 * COUNT_LIMIT:
                return Count(about, Certainty.ABOUT)
            return Count(bounded_count(sa.select(self.key), 2 * COUNT_LIMIT))
        # The ends of the table are read at once; whether it is large, from the key that lies beyond the limit.
        ends = [sa.select(function(self.key)).scalar_subquery() for function in (sa.func.min, sa.func.max)]
        beyond = sa.select(self.key).limit(1).offset(COUNT_LIMIT).scalar_subquery()
        found: Any = db.session.execute(sa.select(*ends, beyond.is_not(None))).one()
        first, last, is_large = found
        if is_large:
            return Count(max(last - first + 1, COUNT_LIMIT), Certainty.ABOUT)
        return Count(bounded_count(sa.select(self.key), COUNT_LIMIT))

    def _from_neighbour(self, count: Count | None) -> Page | None:
        asked, size = self.asked, self.asked.size
        edge = asked.after if asked.after is not None else asked.before
        if edge is None:
            return None
        start = self._edge(edge)
        if start is None:
            return None
        forward = asked.after is not None
        found = self._follow(size + 1, forward, start)
        has_more = len(found) > size
        if not found or (not forward and not has_more):
            # The first page is always full, however far one walked back to it.
            return None if forward else self._by_number(count or self.count(), 0)
        records = self._complete(found[:size] if forward else found[:size][::-1])
        has_previous = forward or has_more
        has_next = has_more if forward else True
        return Page(records, count, asked.page, has_previous, has_next)

    def _edge(self, key: int) -> tuple[Any, int] | None:
        """Return where the row at the edge of the page that is shown stands, or None when it is gone."""
        if self.sort is self.key:
            # Its key says where it stood, whether or not it is still there.
            return key, key
        statement = sa.select(self.sort).where(self.key == key, *self.conditions).limit(1)
        found = db.session.execute(statement).first()
        return None if found is None else (found[0], key)

    def _follow(self, limit: int, forward: bool, start: tuple[Any, int]) -> list[Any]:
        """Return the rows that follow a row, in walking order."""
        if self.key is not self.model.id:
            return self._along_links(limit, forward, start)
        rows: list[Any] = []
        for step, condition in enumerate(self._beyond(start, self._descends(forward))):
            missing = limit - len(rows)
            statement = self._kept(
                (missing, forward, step, start[0] is None),
                partial(self._followers, missing, forward, condition),
            )
            rows += self.view.read_rows(statement, {**self._page_values, **_edge_values(start)})
            if len(rows) >= limit:
                break
        return rows

    def _followers(self, limit: int, forward: bool, beyond: sa.ColumnElement[bool]) -> sa.Select[Any]:
        statement = self._page_select(limit, forward, [*self._page_conditions, beyond])
        return statement.execution_options(**{READS_FEW: not self._few})

    def _conditions_to_keep(self) -> _OpenConditions | None:
        """Return the conditions of the list with their values left open; None where its selects cannot be kept."""
        if self.narrowing or self.asked.search or self.key is not self.model.id:
            return None
        return _with_open_values(self.conditions)

    @property
    def _page_conditions(self) -> Sequence[sa.ColumnElement[bool]]:
        """The conditions of a select that :meth:`_kept` may keep; :attr:`_page_values` has their values."""
        return self.conditions if self._keepable is None else self._keepable.conditions

    @property
    def _page_values(self) -> dict[str, Any]:
        return {} if self._keepable is None else self._keepable.values

    def _kept(self, name: tuple[Any, ...], make: Callable[[], sa.Select[Any]]) -> sa.Select[Any]:
        """Return a select of the list, made once for each order, place in it and set of filters.

        Args:
            name: What the select depends on besides the order, the filters and the visible projects.
            make: Makes it.
        """
        if self._keepable is None:
            return make()
        order = (self.asked.sort, self.asked.descending, self._reads_keys_first, self._projects_first)
        name = (*order, self._keepable.name, *name)
        known = self.view.kept_selects
        found = known.get(name)
        if found is None:
            if len(known) >= MOST_REMEMBERED:
                known.clear()
            found = known[name] = make().execution_options(**{KEPT_SELECT: True})
        return found

    def _along_links(self, limit: int, forward: bool, start: tuple[Any, int] | None) -> list[Any]:
        """Return rows in walking order, from ``start`` on, read along the link table and its index."""
        conditions = self._beyond(start, self._descends(forward)) if start is not None else []
        statement = self.view.list_select().join(self.key.class_, self.key == self.model.id)
        statement = statement.where(*self.conditions, *conditions).order_by(*self._order(forward))
        return self.view.read_rows(statement.limit(limit), _edge_values(start))

    def _by_number(self, count: Count, number: int | None = None) -> Page:
        size = self.asked.size
        number = self.asked.page if number is None else number
        exact = count.number if count.certainty is Certainty.EXACT else None
        if exact is not None:
            last = max((exact - 1) // size, 0)
            number = min(max(number + last + 1 if number < 0 else number, 0), last)
            offset = number * size
            return self._exact_page(count, number, offset, exact)
        if abs(number) * size > DEEPEST_OFFSET:
            number = -1
        if number < 0:
            keys = self._walk(size + 1, False, None, (-number - 1) * size)
            return Page(self._load(keys[:size][::-1]), count, number, len(keys) > size, number < -1)
        if number * size <= SHALLOW_OFFSET and not self.asked.search and self.key is self.model.id:
            records, has_next = self._rows(size, number * size)
        else:
            keys = self._walk(size + 1, True, None, number * size)
            records, has_next = self._load(keys[:size]), len(keys) > size
        if not records and number > 0:
            return self._by_number(count, -1)
        return Page(records, count, number, number > 0, has_next)

    def _exact_page(self, count: Count, number: int, offset: int, total: int) -> Page:
        size = self.asked.size
        has_next = offset + size < total
        if offset <= total - offset:
            if offset <= SHALLOW_OFFSET and not self.asked.search and self.key is self.model.id:
                records, _more = self._rows(size, offset)
            else:
                records = self._load(self._walk(size, True, None, offset))
        else:
            wanted = min(size, total - offset)
            records = self._load(self._walk(wanted, False, None, max(total - offset - size, 0))[::-1])
        return Page(records, count, number, number > 0, has_next)

    def _descends(self, forward: bool) -> bool:
        return self.asked.descending is forward

    def _order(self, forward: bool) -> list[Any]:
        columns = [self.key] if self.sort is self.key else [self.sort, self.key]
        if self._few:
            # Found by the search index: the few are sorted, instead of all rows walked in order until some fit.
            columns = [sa.func.nullif(column, sa.null(), type_=column.type) for column in columns]
        return [column.desc() if self._descends(forward) else column.asc() for column in columns]

    def _walk(self, limit: int, forward: bool, start: tuple[Any, int] | None, offset: int = 0) -> list[int]:
        """Return keys in walking order, from ``start`` on (without it) or from the end of the list."""
        if start is None:
            return list(db.session.scalars(self._keys_in_order(limit, forward, self.conditions, offset)))
        keys: list[int] = []
        for condition in self._beyond(start, self._descends(forward)):
            statement = self._keys_in_order(limit - len(keys), forward, [*self.conditions, condition])
            statement = statement.execution_options(**{READS_FEW: not self._few})
            keys += db.session.scalars(statement, _edge_values(start))
            if len(keys) >= limit:
                break
        return keys

    def _beyond(self, start: tuple[Any, int], descends: bool) -> list[sa.ColumnElement[bool]]:
        """Return conditions whose rows, one after the other, follow the edge; each is read along the index.

        They stand for every edge: :func:`_edge_values` has its values.
        """
        value, key = start[0], sa.bindparam(_EDGE_KEY, type_=self.key.type)
        key_beyond = self.key < key if descends else self.key > key
        if self.sort is self.key:
            return [key_beyond]
        # PostgreSQL takes empty values for the largest, SQLite for the smallest.
        empty_follow = (self.dialect == "postgresql") is not descends
        if value is None:
            among_empty = sa.and_(self.sort.is_(None), key_beyond)
            return [among_empty] if empty_follow else [among_empty, self.sort.is_not(None)]
        here = sa.tuple_(self.sort, self.key)
        edge = sa.tuple_(sa.bindparam(_EDGE_VALUE, type_=self.sort.type), key)
        filled = here < edge if descends else here > edge
        return [filled, self.sort.is_(None)] if empty_follow and self._is_nullable() else [filled]

    def _is_nullable(self) -> bool:
        return bool(self.sort.property.columns[0].nullable)

    def _rows(self, size: int, offset: int) -> tuple[list[Any], bool]:
        """Return the rows of a page that lies near the start, and whether others follow."""
        read = partial(self._page_select, size + 1, True, self._page_conditions, offset)
        statement = self._kept((size + 1, offset), read)
        records = self.view.read_rows(statement, self._page_values)
        return self._complete(records[:size]), len(records) > size

    def _load(self, keys: Sequence[int]) -> list[Any]:
        return self._complete(self._read(keys)) if keys else []

    def _read(self, keys: Sequence[int]) -> list[Any]:
        statement = self.view.list_select().where(self.model.id.in_(keys), *self.narrowing)
        by_key = {record.id: record for record in self.view.read_rows(statement)}
        return [by_key[key] for key in keys if key in by_key]

    def _complete(self, records: list[Any]) -> list[Any]:
        self.view.before_list(records)
        return records


@dataclass(frozen=True)
class _OpenConditions:
    """Conditions whose values are given when the select is read, so that one select serves all values.

    Attributes:
        name: What is compared and how.
        conditions: The conditions.
        values: The values, by the name that the conditions give them.
    """

    name: tuple[Any, ...] = ()
    conditions: Sequence[sa.ColumnElement[bool]] = ()
    values: dict[str, Any] = field(default_factory=dict)


def _with_open_values(conditions: Sequence[sa.ColumnElement[bool]]) -> _OpenConditions | None:
    """Return conditions with their values left open; None if one is more than a column compared with a value."""
    names: list[Any] = []
    opened: list[sa.ColumnElement[bool]] = []
    values: dict[str, Any] = {}
    for number, condition in enumerate(conditions):
        if not isinstance(condition, sa.BinaryExpression):
            return None
        column, value = condition.left, condition.right
        if not isinstance(column, sa.Column) or condition.operator not in _COMPARISONS:
            return None
        if not isinstance(value, sa.BindParameter) or value.expanding or value.required or value.callable:
            return None
        name = f"filter_{number}"
        names.append((column.table.fullname, column.key, condition.operator))
        opened.append(condition.operator(column, sa.bindparam(name, type_=value.type)))
        values[name] = value.value
    return _OpenConditions(tuple(names), opened, values)


def _long_lists() -> dict[Any, tuple[float, Count]]:
    """Return until when it is remembered how long which lists are, by table and scope."""
    kept: dict[Any, tuple[float, Count]] = current_app.extensions.setdefault(_LONG_LISTS, {})
    return kept


def _edge_values(start: tuple[Any, int] | None) -> dict[str, Any]:
    """Return the values of :meth:`Lister._beyond` for the edge of a page."""
    return {} if start is None else {_EDGE_VALUE: start[0], _EDGE_KEY: start[1]}


def _told(number: int) -> Count:
    """Return a number that was counted up to one more than the limit as it is told."""
    return Count(COUNT_LIMIT, Certainty.AT_LEAST) if number > COUNT_LIMIT else Count(number)


@cache
def _row_of(model: Any) -> Any:
    """Return the alias under which a statement names the rows of a model a second time."""
    return aliased(model)


@cache
def is_sorted_in_projects(model: Any, project: str, column: str) -> bool:
    """Return whether an index of a model holds the rows of each project in the order of a column."""
    table = model.__table__
    unique = [each for each in table.constraints if isinstance(each, sa.UniqueConstraint)]
    return any(
        [name.name for name in each.columns][:2] == [project, column] for each in (*table.indexes, *unique)
    )


def bounded_count(keys: sa.Select[Any], limit: int) -> int:
    """Return how many rows a select of keys has, and ``limit`` at most."""
    inner = keys.limit(limit).subquery()
    return db.session.scalar(sa.select(sa.func.count()).select_from(inner)) or 0


def _linked_customers(limit: int) -> int:
    """Return how many customers are linked to the visible projects, ``limit`` at most.

    The links lie in an index and are counted at once; which of them lead to the same customer takes ten times longer
    to find out. So twice as many links as ``limit`` are taken for ``limit`` customers.
    """
    link = scoped_models()[CUSTOMER_LINK_TABLE]
    # The limit makes databases read the links of the projects instead of all links in the order of customers.
    links = sa.select(link.customer_id).limit(2 * limit)
    number = bounded_count(sa.select(link.customer_id), 2 * limit)
    if number == 2 * limit:
        return limit
    found = links.subquery()
    return bounded_count(sa.select(found.c.customer_id).group_by(found.c.customer_id), limit)


def _rows_by_statistics(table: str) -> int:
    catalogue = sa.table("pg_class", sa.column("oid"), sa.column("reltuples"))
    found = db.session.scalar(
        sa.select(catalogue.c.reltuples).where(
            catalogue.c.oid == sa.cast(table, sa.dialects.postgresql.REGCLASS)
        )
    )
    return int(found or 0)


def loader_options(model: Any, paths: Sequence[str]) -> list[Any]:
    """Return the options that load exactly the columns of a list, related ones in the same statement.

    Args:
        model: The mapped class.
        paths: Names of columns, or ``relationship.column`` over one reference; other names load nothing. A name of a
            related record comes with its name in English, where it has one.
    """
    mapper = sa.inspect(model)
    own = [getattr(model, name) for name in ("id", *paths) if name in mapper.column_attrs]
    related: dict[str, list[str]] = {}
    for path in paths:
        relation, dot, name = path.partition(".")
        if dot and relation in mapper.relationships:
            related.setdefault(relation, []).append(name)
    options: list[Any] = [load_only(*own)]
    for relation, names in related.items():
        attribute = getattr(model, relation)
        target = attribute.property.mapper.class_
        if "name" in names:
            names.append("name_en")
        columns = [getattr(target, name) for name in names if name in attribute.property.mapper.column_attrs]
        options.append(joinedload(attribute).load_only(*columns) if columns else joinedload(attribute))
    return options


def usable_filters(filters: Sequence[Filter]) -> list[Filter]:
    """Return the filters that the acting user may use."""
    return [each for each in filters if each.permission is None or holds(each.permission)]
