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
    matrix = qr_matrix(url)
    size = len(matrix) + 2 * QUIET_ZONE
    path = "".join(
        f"M{start} {row}.5h{length}" for row, line in enumerate(matrix) for start, length in dark_runs(line)
    )
    return Markup(  # noqa: S704 - built from numbers only
        f'<svg xmlns="http://www.w3.org/2000/svg" class="qr" viewBox="0 0 {size} {size}" role="img">'
        f'<path transform="translate({QUIET_ZONE} {QUIET_ZONE})" stroke="#000" d="{path}"/></svg>'
    )


def qr_matrix(url: str) -> tuple[bytearray, ...]:
    """The modules of the QR code of *url*, row by row and 1 for dark, without the quiet zone.

    Raises ValueError as :func:`qr_svg`.
    """
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"The check address {url!r} must start with https:// or http://.")
    if len(url) > MAX_URL_LENGTH:
        raise ValueError(
            f"The check address has {len(url)} characters; at most {MAX_URL_LENGTH} can be scanned from paper."
        )
    return tuple(segno.make(url, error="m", micro=False, boost_error=False).matrix)


def dark_runs(line: bytes | bytearray) -> list[tuple[int, int]]:
    """The dark modules of a row as (first, number) of each run."""
    runs: list[tuple[int, int]] = []
    for column, dark in enumerate(line):
        if not dark:
            continue
        if runs and sum(runs[-1]) == column:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((column, 1))
    return runs
