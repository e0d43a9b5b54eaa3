"""The global search: one field over everything that the components offer, within what the user may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, jsonify, render_template, request, url_for
from werkzeug.wrappers import Response

from core.admin.searching import clean_search
from core.admin.shell import sign_in_first
from core.database.scope import current_scope
from core.people.permissions import has_permission, public
from core.plugin_system.declarations import SearchHit, SearchSource
from core.plugin_system.dispatch import isolated
from core.plugin_system.runtime import current_runtime

SUGGESTIONS_PER_SOURCE = 5
HITS_PER_SOURCE = 30
_GATED = "each source is asked only if the user holds its permission; anonymous visitors are sent to sign in"

blueprint = Blueprint("search", __name__, url_prefix="/admin/search")


@dataclass(frozen=True)
class SearchGroup:
    """The hits of one source.

    Attributes:
        label: What kind of thing they are.
        hits: The hits, best first.
        has_more: Whether the source has more than are shown.
        failed: Whether its module failed.
        module: Name of the module, "" for the core.
        incident: Number under which a failure is logged.
    """

    label: Any
    hits: Sequence[SearchHit] = ()
    has_more: bool = False
    failed: bool = False
    module: Any = ""
    incident: str = ""


def set_up_search(app: Flask) -> None:
    """Mount the results page and the suggestions."""
    app.register_blueprint(blueprint)


def find(query: str, limit: int) -> list[SearchGroup]:
    """Return the hits of every source that is on and that the user may ask, by order of the sources.

    Args:
        query: What was typed: a name, the last digits of a telephone number, a unit such as ``3-2-1502``.
        limit: Largest number of hits of one source.

    Returns:
        The groups that have hits, and those whose source failed.
    """
    query = clean_search(query)
    if not query:
        return []
    groups = (_ask(source, query, limit) for source in askable_sources())
    return [group for group in groups if group.hits or group.failed]


def askable_sources() -> list[SearchSource]:
    """Return the sources that are on in the acting department and that the user may ask."""
    return [
        source for source in current_runtime().declared.search_sources() if has_permission(source.permission)
    ]


def _ask(source: SearchSource, query: str, limit: int) -> SearchGroup:
    runtime = current_runtime()
    component = runtime.declared.component_of(source)
    plugin = runtime.plugins.get(component)
    # One more than is shown tells whether there are more.
    answer = isolated(component, f"search {source.code}", source.search, query, limit + 1)
    if answer.failed:
        return SearchGroup(
            source.label, failed=True, module=plugin.name if plugin else "", incident=answer.incident
        )
    hits = sorted(answer.value or (), key=lambda hit: hit.rank)
    return SearchGroup(source.label, hits[:limit], len(hits) > limit)


@blueprint.get("/")
@public(_GATED)
def results() -> str | Response:
    """Show everything that was found."""
    if current_scope() is None:
        return sign_in_first()
    query = clean_search(request.args.get("q"))
    return render_template(
        "admin/search.html", query=query, groups=find(query, HITS_PER_SOURCE), sources=askable_sources()
    )


@blueprint.get("/suggestions")
@public(_GATED)
def suggestions() -> Response:
    """Return the best hits while somebody types.

    The answer is ``{"query", "all_url", "groups": [{"label", "has_more", "hits": [{"title", "detail", "url"}]}]}``.
    """
    if current_scope() is None:
        return sign_in_first()
    query = clean_search(request.args.get("q"))
    groups = find(query, SUGGESTIONS_PER_SOURCE)
    return jsonify(
        query=query,
        all_url=url_for("search.results", q=query),
        groups=[
            {
                "label": str(group.label),
                "has_more": group.has_more,
                "hits": [{"title": hit.title, "detail": hit.detail, "url": hit.url} for hit in group.hits],
            }
            for group in groups
            if group.hits
        ],
    )
