"""Units in the global search: 3-2-1502, 3栋2单元1502, or the room number alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

import sqlalchemy as sa
from flask import url_for
from sqlalchemy.orm import joinedload

from core.admin.searching import clean_search
from core.extensions import db
from core.plugin_system.declarations import SearchHit
from core.projects.models import Building, Project, Unit
from core.projects.services import normalise_unit_text

_UNIT_LIKE = re.compile(r"[0-9A-Za-z一-鿿]{1,12}(-[0-9A-Za-z]{1,12}){1,2}|B?\d{3,4}[A-Za-z]?")


def find_units(query: str, limit: int) -> Sequence[Unit]:
    """Return the visible units that a text names by code or room number, read along the indexes of both.

    Args:
        query: What was typed.
        limit: How many at most.
    """
    code = normalise_unit_text(query)
    if not _UNIT_LIKE.fullmatch(code):
        return []
    column = Unit.code if "-" in code else Unit.number
    return db.session.scalars(
        sa.select(Unit)
        .where(column == code)
        .options(joinedload(Unit.project), joinedload(Unit.building))
        .order_by(Unit.project_id, Unit.code)
        .limit(limit)
    ).all()


def search_units(query: str, limit: int) -> list[SearchHit]:
    """Return hits for units; the source of the global search."""
    return [
        SearchHit(
            unit.code,
            url_for("units.details_view", id=unit.id),
            " · ".join(text for text in (unit.project.name, unit.building.name, unit.layout) if text),
        )
        for unit in find_units(query, limit)
    ]


def search_projects(query: str, limit: int) -> list[SearchHit]:
    """Return hits for projects and buildings by name or code."""
    text = clean_search(query)
    if len(text) < 2:
        return []
    pattern = sa.func.lower(Project.name).contains(text.lower(), autoescape=True)
    projects = db.session.scalars(
        sa.select(Project)
        .where(sa.or_(pattern, Project.code == text.upper()))
        .order_by(Project.code)
        .limit(limit)
    )
    hits = [
        SearchHit(project.name, url_for("projects.details_view", id=project.id), project.code)
        for project in projects
    ]
    buildings = db.session.scalars(
        sa.select(Building)
        .where(Building.name == text)
        .options(joinedload(Building.project))
        .order_by(Building.project_id)
        .limit(limit)
    )
    hits += [
        SearchHit(building.name, url_for("buildings.details_view", id=building.id), building.project.name)
        for building in buildings
    ]
    return hits[:limit]
