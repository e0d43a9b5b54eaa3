"""Write the pages of docs/reference that come from the code: toolkit, configuration, commands, workflows.

``python tools/reference.py write`` writes them; ``check`` fails when one is not what would be written.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "reference"
_NOTE = "<!-- Written by `make reference`; change the code instead. -->\n"


_OF_LIBRARIES = {
    "_": 'Return a text in the language of the request: `_("%(count)s defects", count=3)`.',
    "_l": "Return a text that is translated when it is shown: for what is made when the program starts, and for what "
    "is stored and read by others.",
    "lazy_ngettext": "Return a text like `_l`, in its singular or plural form.",
    "ngettext": "Return a text in the language of the request, in its singular or plural form.",
}
"""Names of the toolkit that libraries define, and leave without a docstring."""


class UndocumentedError(RuntimeError):
    """A name, option or command has no sentence that could be written down."""


def _one_line(text: str) -> str:
    """Return the first paragraph of a docstring as one line of Markdown."""
    paragraph = re.split(r"\n\s*\n", inspect.cleandoc(text), maxsplit=1)[0]
    line = " ".join(paragraph.split())
    line = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", line)
    return line.replace("``", "`").replace("|", "\\|")


@functools.cache
def _tree(module_name: str) -> ast.Module:
    source = inspect.getsource(importlib.import_module(module_name))
    return ast.parse(source)


def _value_doc(module_name: str, name: str) -> str:
    """Return the string that stands below the assignment of a name, or ""."""
    body = _tree(module_name).body
    for statement, following in itertools.pairwise(body):
        targets: list[Any] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            stands_below = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            return str(following.value.value) if stands_below else ""  # type: ignore[attr-defined]
    return ""


def _doc(module_name: str, name: str, value: Any) -> str:
    if inspect.isclass(value):
        text = vars(value).get("__doc__") or ""
        # What dataclasses write by themselves says nothing.
        return "" if text.startswith(f"{value.__name__}(") else text
    if inspect.isroutine(value):
        return value.__doc__ or ""
    return _value_doc(module_name, name)


def _toolkit_names() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield each block of core/toolkit.py with its names and what they are."""
    path = ROOT / "core" / "toolkit.py"
    source = path.read_text(encoding="utf-8")
    headings = {
        number: line.removeprefix("# ")
        for number, line in enumerate(source.splitlines(), 1)
        if line.startswith("# ")
    }
    toolkit = importlib.import_module("core.toolkit")
    blocks: dict[str, list[tuple[str, str]]] = {}
    for statement in ast.parse(source).body:
        if not isinstance(statement, ast.ImportFrom) or statement.module == "__future__":
            continue
        heading = headings[max(number for number in headings if number < statement.lineno)]
        for alias in statement.names:
            name = alias.asname or alias.name
            if name not in toolkit.__all__:
                raise UndocumentedError(f"core/toolkit.py imports {name} and does not name it in __all__.")
            text = _OF_LIBRARIES.get(name) or _doc(str(statement.module), alias.name, getattr(toolkit, name))
            if not text.strip():
                raise UndocumentedError(
                    f"{statement.module}.{alias.name} has no docstring, and core.toolkit offers it as {name}."
                )
            blocks.setdefault(heading, []).append((name, _one_line(text)))
    yield from blocks.items()


def toolkit_page() -> str:
    """Return docs/reference/toolkit.md.

    Raises:
        UndocumentedError: A name of the toolkit has no docstring.
    """
    parts = [
        _NOTE,
        "# core.toolkit\n",
        "The only module of the core that plugins import, besides `core.testing`. What stands here keeps working "
        "within one major version of the interface (`Manifest.api`). Arguments, returned values and errors are told "
        "where a name is defined: `python -c 'from core.toolkit import reach; help(reach)'`.\n",
    ]
    for heading, names in _toolkit_names():
        parts.append(f"## {heading}\n\n| Name | What it is |\n|---|---|")
        parts += [f"| `{name}` | {text} |" for name, text in sorted(names, key=lambda pair: pair[0].lower())]
        parts.append("")
    return "\n".join(parts)


def configuration_page() -> str:
    """Return docs/reference/configuration.md."""
    from core.config import KEYS

    parts = [
        _NOTE,
        "# Configuration\n",
        "A key is read from the environment as `DOORSTEP_<KEY>`, else from `doorstep.cfg` in the instance folder "
        "(Python: `MAIL_PORT = 465`), else it has the default. In the environment, yes and no are `1` and `0`. The "
        "instance folder is `instance` below the current folder unless `DOORSTEP_INSTANCE_PATH` names another. "
        "`SAFE_MODE`, `PLUGINS_STRICT` and `REDIS_URL` are also read without the prefix.\n",
        "What departments may change on a page is not here: each module declares its settings "
        "([plugins.md](plugins.md#settings)).\n",
        "| Key | Type | Default | What it does |\n|---|---|---|---|",
    ]
    words = {str: "text", int: "whole number", bool: "yes or no"}
    for key in KEYS:
        default = {True: "yes", False: "no"}[key.default] if key.type is bool else key.default
        shown = f"`{default}`" if default != "" else "empty"
        parts.append(
            f"| `{key.name}` | {words[key.type]} | {shown} | {key.sentence.replace('|', chr(92) + '|')} |"
        )
    return "\n".join(parts) + "\n"


def core_commands() -> list[click.Command]:
    """Return the commands of the core, by name."""
    from core.cli import CORE_COMMANDS
    from core.cli.installation import COMMANDS
    from core.components import CORE_COMPONENTS

    declared = [
        item.command
        for name in CORE_COMPONENTS
        for item in getattr(importlib.import_module(name), "commands", tuple)()
    ]
    return sorted((*CORE_COMMANDS, *COMMANDS, *declared), key=lambda command: str(command.name))


def _leaves(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _leaves(command.commands[name], f"{path} {name}")
    else:
        yield path, command


def commands_page() -> str:
    """Return docs/reference/commands.md.

    Raises:
        UndocumentedError: A command or an option has no help.
    """
    parts = [
        _NOTE,
        "# Commands\n",
        "`doorstep` stands in the virtual environment (`.venv/bin/doorstep`). It reads the same configuration as the "
        "server. Plugins add commands under their slug: `doorstep <slug> --help`.\n",
    ]
    for top in core_commands():
        for path, command in _leaves(top, str(top.name)):
            if not command.help:
                raise UndocumentedError(f"doorstep {path} has no help.")
            usage = [
                parameter.make_metavar(click.Context(command))
                for parameter in command.params
                if isinstance(parameter, click.Argument)
            ]
            parts.append(f"## doorstep {' '.join([path, *usage])}\n\n{_one_line(command.help)}\n")
            options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
            for option in options:
                help_text = option.help
                if not help_text:
                    raise UndocumentedError(f"The option {option.opts[0]} of doorstep {path} has no help.")
                name = ", ".join(f"`{each}`" for each in (*option.opts, *option.secondary_opts))
                parts.append(f"- {name}{'' if option.is_flag else ' *value*'}: {_one_line(help_text)}")
            if options:
                parts.append("")
    return "\n".join(parts)


def declared_workflows() -> Iterator[Any]:
    """Yield the workflows of the core and of the plugins that come with it, in the order of their names."""
    from core.components import CORE_COMPONENTS

    plugins = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/plugin.py"))
    for name in (*CORE_COMPONENTS, *(f"plugins.{slug}.plugin" for slug in plugins)):
        yield from getattr(importlib.import_module(name), "workflows", tuple)()


def workflows_page() -> str:
    """Return docs/reference/workflows.md: each workflow as a diagram and as a table."""
    from flask import Flask
    from flask_babel import Babel, force_locale

    from core.machinery.workflow.services import diagram

    app = Flask(__name__)
    Babel(app)
    parts = [
        _NOTE,
        "# Workflows\n",
        "The states of records and the ways between them, as the modules that come with Doorstep declare them "
        "([plugins.md](plugins.md#workflowdeclaration)). A step that is not offered is taken by a service on the way. "
        "Every move is kept in the history of its record and in the audit log.\n",
    ]
    with app.test_request_context(), force_locale("en"):
        for workflow in declared_workflows():
            parts.append(f"## {workflow.name}\n\n```mermaid\n{diagram(workflow)}```\n")
            parts.append("| Step | From | To | Needs | Asks for | Shown |\n|---|---|---|---|---|---|")
            parts += [_transition_row(workflow, each) for each in workflow.transitions]
            parts.append("")
    return "\n".join(parts)


def _transition_row(workflow: Any, transition: Any) -> str:
    needs = [f"`{transition.permission}`"] if transition.permission else []
    if transition.guard is not None:
        needs.append(_one_line(transition.guard.__doc__ or "a rule of the record"))
    asked = [str(label) for label in (transition.required or {}).values()]
    asked += [f"{label} (if any)" for label in (transition.optional or {}).values()]
    asked += ["Reason"] if transition.reason else []
    shown = ["button"] if transition.offered else ["not offered"]
    shown += ["ticked rows"] if transition.bulk else []
    shown += [f"timeline `{transition.timeline}`"] if transition.timeline else []
    sources = ", ".join(str(workflow.state(code).label) for code in transition.sources)
    cells = (
        f"{transition.label} (`{transition.code}`)",
        sources,
        str(workflow.state(transition.target).label),
        "; ".join(needs) or "to see the record",
        ", ".join(asked) or "—",
        ", ".join(shown),
    )
    return f"| {' | '.join(cells)} |"


PAGES = {
    "toolkit.md": toolkit_page,
    "configuration.md": configuration_page,
    "commands.md": commands_page,
    "workflows.md": workflows_page,
}


def main(step: str) -> int:
    """Write or check the pages; return the exit code."""
    stale = []
    for name, make in PAGES.items():
        path, text = FOLDER / name, make()
        if step == "write":
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    for name in stale:
        print(f"docs/reference/{name} is not what the code says; run `make reference`.", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    if sys.argv[1:] not in (["write"], ["check"]):
        sys.exit("Say write or check.")
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1]))
