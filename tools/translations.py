"""The translation catalogues of the core and of every plugin in this repository.

    python tools/translations.py update    collect the texts of the code into the catalogues
    python tools/translations.py compile   write the .mo files that changed
    python tools/translations.py check     exit 1 and say where, when a text has no good translation

A component (core, plugins/<slug>) keeps its catalogues in `translations/<locale>/LC_MESSAGES/messages.po`.
English is the language of the code and needs no catalogue. Names of components limit `update` and `check`:

    python tools/translations.py update plugins/handover
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
LOCALES = ("zh_Hans_CN",)
METHODS = [("**/templates/**.html", "jinja2"), ("**/templates/**.txt", "jinja2"), ("**.py", "python")]
JINJA_OPTIONS = {"trimmed": "true", "silent": "false"}
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "_l": None,
    "_n": (1, 2),
    "lazy_gettext": None,
    "lazy_ngettext": (1, 2),
    "lazy_pgettext": ((1, "c"), 2),
}
SKIPPED_FOLDERS = {"tests", "migrations", "translations", "static", "__pycache__"}
COMMENT_TAGS = ("Translators:",)


@dataclass(frozen=True)
class Component:
    """A part of the code with catalogues of its own."""

    name: str

    @property
    def folder(self) -> Path:
        return ROOT / self.name

    def catalogue(self, locale: str) -> Path:
        """Where the translation into `locale` lies."""
        return self.folder / "translations" / locale / "LC_MESSAGES" / "messages.po"

    def texts(self) -> Catalog:
        """The texts that the code and the templates of the component use now."""
        catalog = Catalog(project="Doorstep", copyright_holder="The Doorstep authors", charset="utf-8")
        found = extract_from_dir(
            self.folder,
            method_map=METHODS,
            options_map={pattern: JINJA_OPTIONS for pattern, method in METHODS if method == "jinja2"},
            keywords=KEYWORDS,
            comment_tags=COMMENT_TAGS,
            directory_filter=lambda folder: Path(folder).name not in SKIPPED_FOLDERS,
        )
        for filename, _line, message, comments, context in found:
            # Without line numbers: else every change of the code is a change of the catalogue.
            catalog.add(
                message, None, [(f"{self.name}/{filename}", 0)], auto_comments=comments, context=context
            )
        return catalog


def components(names: list[str]) -> list[Component]:
    """The named components, else all."""
    if names:
        return [Component(name.strip("/")) for name in names]
    plugins = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/plugin.py"))
    return [Component("core"), *(Component(f"plugins/{slug}") for slug in plugins)]


def load(path: Path, locale: str) -> Catalog:
    """The catalogue at `path`; an empty one when there is none yet."""
    if not path.exists():
        return Catalog(
            locale=locale, project="Doorstep", copyright_holder="The Doorstep authors", charset="utf-8"
        )
    with path.open("rb") as file:
        return read_po(file, locale=locale)


def update(component: Component) -> None:
    """Bring the catalogues of a component up to its code; translations of texts that are gone are dropped."""
    texts = component.texts()
    for locale in LOCALES:
        path = component.catalogue(locale)
        if not len(texts) and not path.exists():
            continue
        catalog = load(path, locale)
        # A guessed translation is worse than a missing one: no fuzzy matches.
        catalog.update(texts, no_fuzzy_matching=True, update_creation_date=False)
        catalog.obsolete.clear()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, catalog, width=110, sort_output=True, include_lineno=False, ignore_obsolete=True)
        print(f"{path.relative_to(ROOT)}: {len(catalog)} texts")


def compile_catalogues() -> None:
    """Write each .mo file that is missing or older than its .po file."""
    for component in components([]):
        for source in sorted(component.folder.glob("translations/*/LC_MESSAGES/*.po")):
            target = source.with_suffix(".mo")
            if target.exists() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns:
                continue
            with source.open("rb") as file:
                catalog = read_po(file, locale=source.parts[-3])
            with target.open("wb") as file:
                write_mo(file, catalog)


def uncollected(component: Component) -> Iterator[str]:
    """The texts inside f-strings, which Babel reads only from Python 3.12 on, a sentence each."""
    functions = {name for name in KEYWORDS if name}
    for path in sorted(component.folder.rglob("*.py")):
        if SKIPPED_FOLDERS & set(path.relative_to(component.folder).parts):
            continue
        for string in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(string, ast.JoinedStr):
                for call in ast.walk(string):
                    if isinstance(call, ast.Call) and getattr(call.func, "id", "") in functions:
                        yield (
                            f"{path.relative_to(ROOT)}:{call.lineno}: a text inside an f-string is not collected; "
                            "take it out of the f-string."
                        )


def faults(component: Component) -> Iterator[str]:
    """What is wrong with the translations of a component, a sentence each."""
    yield from uncollected(component)
    texts = component.texts()
    for locale in LOCALES:
        path = component.catalogue(locale)
        where = path.relative_to(ROOT)
        catalog = load(path, locale)
        for text in texts:
            if not text.id:
                continue
            shown = text.id[0] if isinstance(text.id, tuple) else text.id
            source = ", ".join(sorted({name for name, _ in text.locations}))
            message = catalog.get(text.id, text.context)
            if message is None:
                yield f"{where}: the text {shown!r} ({source}) is not in the catalogue; run: make translations"
                continue
            strings = message.string if isinstance(message.string, tuple | list) else (message.string,)
            if not all(strings):
                yield f"{where}: the text {shown!r} ({source}) has no translation."
            elif message.fuzzy:
                yield f"{where}: the translation of {shown!r} is marked fuzzy; check it and remove the mark."
            else:
                yield from (
                    f"{where}: the translation of {shown!r}: {error}." for error in message.check(catalog)
                )


def clashes(selected: list[Component]) -> Iterator[str]:
    """The texts that two components translate differently, a sentence each.

    The application merges the catalogues of all components into one, so only one of the two would be shown.
    """
    for locale in LOCALES:
        seen: dict[tuple[str, str | None], tuple[str, str]] = {}
        for component in selected:
            for message in load(component.catalogue(locale), locale):
                text = message.id[0] if isinstance(message.id, tuple | list) else message.id
                string = message.string[0] if isinstance(message.string, tuple | list) else message.string
                if not text or not string:
                    continue
                other, words = seen.setdefault((text, message.context), (component.name, string))
                if words != string:
                    yield (
                        f"{component.catalogue(locale).relative_to(ROOT)}: {text!r} is {string!r} here and "
                        f"{words!r} in {other}; use another text, or the same translation."
                    )


def check(selected: list[Component]) -> int:
    """Print every fault; returns the exit code."""
    found = [fault for component in selected for fault in faults(component)]
    found += clashes(selected)
    for fault in found:
        print(fault, file=sys.stderr)
    count = sum(len(component.texts()) for component in selected)
    print(f"Translations: {count} texts in {len(selected)} components, {len(found)} faults.")
    return 1 if found else 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("update", "compile", "check"))
    parser.add_argument("components", nargs="*", metavar="component")
    arguments = parser.parse_args()
    selected = components(arguments.components)
    if arguments.action == "update":
        for component in selected:
            update(component)
    elif arguments.action == "compile":
        compile_catalogues()
    else:
        return check(selected)
    return 0


if __name__ == "__main__":
    sys.exit(main())
