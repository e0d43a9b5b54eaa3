"""The QR code by which the reader of a printed document checks that it is genuine."""

from __future__ import annotations

import segno
from markupsafe import Markup

MAX_URL_LENGTH = 300
QUIET_ZONE = 4
"""Modules of white around the code (ISO/IEC 18004 asks for four)."""


def qr_svg(url: str) -> Markup:
    """The QR code of *url* as an inline SVG that fills the box around it, error correction level M (15 %).

    Raises ValueError for an address that is not http(s) or has more than 300 characters and would not scan from paper.
    """
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"The check address {url!r} must start with https:// or http://.")
    if len(url) > MAX_URL_LENGTH:
        raise ValueError(
            f"The check address has {len(url)} characters; at most {MAX_URL_LENGTH} can be scanned from paper."
        )
    code = segno.make(url, error="m", micro=False, boost_error=False)
    size = code.symbol_size(border=QUIET_ZONE)[0]
    path = "".join(
        f"M{start} {row}h{length}v1h-{length}z"
        for row, line in enumerate(code.matrix)
        for start, length in _dark_runs(line)
    )
    return Markup(  # noqa: S704 - built from numbers only
        f'<svg xmlns="http://www.w3.org/2000/svg" class="qr" viewBox="0 0 {size} {size}" role="img">'
        f'<path transform="translate({QUIET_ZONE} {QUIET_ZONE})" fill="#000" d="{path}"/></svg>'
    )


def _dark_runs(line: bytes | bytearray) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for column, dark in enumerate(line):
        if not dark:
            continue
        if runs and sum(runs[-1]) == column:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((column, 1))
    return runs
