"""In which order plugins are loaded, and which cannot be: a pure function of their manifests."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from flask_babel import lazy_gettext as _l

from core.plugin_system import API_VERSION, OLDEST_API_VERSION
from core.plugin_system.declarations import Manifest, Text


@dataclass(frozen=True)
class Resolution:
    """The outcome.

    Attributes:
        order: The slugs that can be loaded: each after what it depends on, and after what it uses unless that closes a
            circle; what is free is ordered by slug.
        rejected: The other slugs with the reason, in full sentences.
    """

    order: tuple[str, ...]
    rejected: Mapping[str, Text]


def resolve(manifests: Mapping[str, Manifest], quarantined: Collection[str] = ()) -> Resolution:
    """Order plugins by their dependencies.

    Args:
        manifests: Manifests by slug.
        quarantined: Slugs that are installed and cannot be loaded for another reason.
    """
    rejected: dict[str, Text] = {}
    for slug, manifest in manifests.items():
        if not OLDEST_API_VERSION <= manifest.api <= API_VERSION:
            rejected[slug] = _wrong_api(manifest.api)
    for cycle in _cycles(manifests):
        for slug in cycle:
            rejected.setdefault(
                slug,
                _l(
                    "It depends on itself: %(cycle)s. One of these plugins must drop its dependency.",
                    cycle=" → ".join([*_turned(cycle, slug), slug]),
                ),
            )
    for slug, manifest in manifests.items():
        missing = [other for other in manifest.depends if other not in manifests and other not in quarantined]
        if missing:
            rejected.setdefault(
                slug,
                _l(
                    "It needs the plugin %(slug)s, which is not installed. Install it, or uninstall this plugin.",
                    slug=", ".join(missing),
                ),
            )
    _reject_dependents(manifests, rejected, quarantined)
    return Resolution(_order({slug: manifests[slug] for slug in manifests if slug not in rejected}), rejected)


def needs_quarantined(slug: str) -> Text:
    """Return the reason of a plugin whose dependency ``slug`` is in quarantine."""
    return _l("It needs the plugin %(slug)s, which is in quarantine. Repair that one first.", slug=slug)


def _wrong_api(api: int) -> Text:
    if api > API_VERSION:
        return _l(
            "It was written for version %(api)s of core.toolkit, and this installation offers version %(ours)s. "
            "Update Doorstep.",
            api=api,
            ours=API_VERSION,
        )
    return _l(
        "It was written for version %(api)s of core.toolkit, and this installation no longer supports versions "
        "before %(oldest)s. Install a newer version of the plugin.",
        api=api,
        oldest=OLDEST_API_VERSION,
    )


def _reject_dependents(
    manifests: Mapping[str, Manifest], rejected: dict[str, Text], quarantined: Collection[str]
) -> None:
    changed = True
    while changed:
        changed = False
        for slug in sorted(manifests.keys() - rejected.keys()):
            out = [other for other in manifests[slug].depends if other in rejected or other in quarantined]
            if out:
                rejected[slug] = needs_quarantined(out[0])
                changed = True


def _cycles(manifests: Mapping[str, Manifest]) -> list[list[str]]:
    """Return for each slug that can reach itself a shortest way round, each cycle once."""
    cycles: dict[frozenset[str], list[str]] = {}
    covered: set[str] = set()
    for start in sorted(manifests):
        if start in covered:
            continue
        way = _way_round(manifests, start)
        if way is not None:
            cycles.setdefault(frozenset(way), way)
            covered.update(way)
    return list(cycles.values())


def _way_round(manifests: Mapping[str, Manifest], start: str) -> list[str] | None:
    came_from: dict[str, str] = {}
    wave = [start]
    while wave:
        following: list[str] = []
        for slug in wave:
            for other in sorted(manifests[slug].depends):
                if other == start:
                    way = [slug]
                    while way[-1] != start:
                        way.append(came_from[way[-1]])
                    return way[::-1]
                if other in manifests and other not in came_from:
                    came_from[other] = slug
                    following.append(other)
        wave = following
    return None


def _turned(cycle: list[str], start: str) -> list[str]:
    place = cycle.index(start)
    return cycle[place:] + cycle[:place]


def _order(manifests: Mapping[str, Manifest]) -> tuple[str, ...]:
    before = {slug: set(manifest.depends) for slug, manifest in manifests.items()}
    # "uses" is a wish: it counts as long as it closes no circle.
    for slug in sorted(manifests):
        for other in sorted(manifests[slug].uses):
            if other in manifests and not _comes_before(before, slug, other):
                before[slug].add(other)
    order: list[str] = []
    waiting = sorted(manifests)
    while waiting:
        chosen = next(slug for slug in waiting if before[slug].issubset(order))
        order.append(chosen)
        waiting.remove(chosen)
    return tuple(order)


def _comes_before(before: Mapping[str, set[str]], first: str, second: str) -> bool:
    """Return whether ``first`` is ``second`` or must already come before it."""
    seen: set[str] = set()
    waiting = [second]
    while waiting:
        slug = waiting.pop()
        if slug == first:
            return True
        if slug not in seen:
            seen.add(slug)
            waiting.extend(before[slug])
    return False
