"""What a test asks of a page as a browser would read it."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser


class _Ids(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.update(value for name, value in attrs if name == "id" and value is not None)


def repeated_ids(html: str) -> list[str]:
    """Return the ids that stand more than once on a page: labels and scripts find only the first.

    Args:
        html: The text of a page.
    """
    ids = _Ids()
    ids.feed(html)
    return sorted(name for name, count in ids.found.items() if count > 1)
