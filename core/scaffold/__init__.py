"""Writing the first files of a new plugin: ``doorstep plugin new``."""

from __future__ import annotations

from pathlib import Path

from core.plugin_system.validation import slug_faults

_TEMPLATE = Path(__file__).parent / "template"


class ScaffoldError(ValueError):
    """A new plugin cannot be written; the message says why."""


def write_plugin(slug: str, parent: Path) -> Path:
    """Write a small plugin that already keeps the plugin contract, as a distribution of its own.

    Args:
        slug: Slug of the plugin.
        parent: Folder in which the folder ``doorstep-<slug>`` is made.

    Returns:
        The new folder.

    Raises:
        ScaffoldError: The slug cannot be used, or the folder exists.
    """
    faults = slug_faults(slug)
    if faults:
        raise ScaffoldError(str(faults[0]))
    distribution = f"doorstep-{slug.replace('_', '-')}"
    folder = parent / distribution
    if folder.exists():
        raise ScaffoldError(f"{folder} exists already; nothing was written.")
    words = {"@@slug@@": slug, "@@package@@": f"doorstep_{slug}", "@@distribution@@": distribution}
    for source in sorted(_TEMPLATE.rglob("*.txt")):
        target = folder / _filled(str(source.relative_to(_TEMPLATE).with_suffix("")), words)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_filled(source.read_text(encoding="utf-8"), words), encoding="utf-8")
    return folder


def _filled(text: str, words: dict[str, str]) -> str:
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text
