"""How commands speak: in the language of the terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from flask_babel import force_locale


@contextmanager
def terminal_language() -> Iterator[None]:
    """Write translated texts in Chinese where the terminal is Chinese (``LC_ALL``, ``LANG``), else in English."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    chosen = next((name for name in names if name), "")
    with force_locale("zh_Hans_CN" if chosen.startswith("zh") else "en"):
        yield
