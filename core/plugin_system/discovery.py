"""Finding plugins: entry points of the installed distributions, nothing else. Nothing is imported here."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from dataclasses import dataclass

from flask_babel import lazy_gettext as _l

from core.plugin_system import ENTRY_POINT_GROUP
from core.plugin_system.runtime import PluginState, State
from core.plugin_system.validation import slug_faults


@dataclass(frozen=True)
class Candidate:
    """An entry point that may become a plugin.

    Attributes:
        slug: Name of the entry point.
        entry_point: The entry point; it names the plugin's module.
        distribution: Name of the distribution that brings it.
        version: Version of the distribution.
    """

    slug: str
    entry_point: importlib.metadata.EntryPoint
    distribution: str = ""
    version: str = ""


def discover(path: list[str] | None = None) -> tuple[list[Candidate], list[PluginState]]:
    """Find the plugins of this environment.

    Args:
        path: Folders to look into; those of ``sys.path`` when None.

    Returns:
        The candidates by slug, and the entry points that cannot even be tried, in quarantine.
    """
    found: dict[str, list[Candidate]] = {}
    rejected: list[PluginState] = []
    for distribution in _distributions(path):
        name, version = _identity(distribution)
        try:
            entry_points = [entry for entry in distribution.entry_points if entry.group == ENTRY_POINT_GROUP]
        # The text comes from whoever packed the distribution; what the parser raises for it is not specified.
        except Exception:
            if _speaks_of_plugins(distribution):
                rejected.append(
                    PluginState(
                        name,
                        State.QUARANTINED,
                        version=version,
                        distribution=name,
                        reason=_l(
                            "The file entry_points.txt of the distribution %(name)s cannot be read. Install it again.",
                            name=name,
                        ),
                    )
                )
            continue
        for entry in entry_points:
            found.setdefault(entry.name, []).append(Candidate(entry.name, entry, name, version))
    candidates = []
    for slug in sorted(found):
        reason = None
        faults = slug_faults(slug)
        if faults:
            reason = faults[0]
        elif len(found[slug]) > 1:
            reason = _l(
                "Several distributions bring a plugin with this slug: %(names)s. Uninstall all but one.",
                names=", ".join(sorted(candidate.distribution for candidate in found[slug])),
            )
        first = found[slug][0]
        if reason is None:
            candidates.append(first)
        else:
            rejected.append(
                PluginState(
                    slug,
                    State.QUARANTINED,
                    version=first.version,
                    distribution=first.distribution,
                    reason=reason,
                )
            )
    return candidates, rejected


def _distributions(path: list[str] | None) -> Iterator[importlib.metadata.Distribution]:
    """Yield each distribution once: the first on the path hides others of the same name."""
    seen: set[str] = set()
    found = (
        importlib.metadata.distributions() if path is None else importlib.metadata.distributions(path=path)
    )
    for distribution in found:
        key = re.sub(r"[-_.]+", "-", _identity(distribution)[0]).lower()
        if key not in seen:
            seen.add(key)
            yield distribution


def _identity(distribution: importlib.metadata.Distribution) -> tuple[str, str]:
    try:
        metadata = distribution.metadata
        return metadata["Name"] or "?", metadata["Version"] or ""
    # Metadata without a readable file makes importlib.metadata fail in several ways.
    except Exception:
        return str(getattr(distribution, "_path", "?")).rpartition("/")[2].partition("-")[0], ""


def _speaks_of_plugins(distribution: importlib.metadata.Distribution) -> bool:
    return ENTRY_POINT_GROUP in (distribution.read_text("entry_points.txt") or "")
