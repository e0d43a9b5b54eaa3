"""The QR code on paper is the code of the address, module by module."""

from __future__ import annotations

import pytest
import segno

from core.machinery.documents.renderer import render_pdf
from core.machinery.documents.verification_code import QUIET_ZONE, qr_svg

pytestmark = pytest.mark.no_database

URL = "https://crm.example.com/verify/7KQ2-M4XD-9TRA"


def test_printed_modules_are_those_of_the_address(pages):
    style = "<style>@page { margin: 0 } body { margin: 0 } svg { display: block; width: 80mm; height: 80mm }</style>"
    picture = pages(render_pdf(style + str(qr_svg(URL))).content).pixels(scale=4)
    matrix = segno.make(URL, error="m", micro=False, boost_error=False).matrix
    module = 80 / 25.4 * 72 * 4 / (len(matrix) + 2 * QUIET_ZONE)
    for row, line in enumerate(matrix):
        for column, dark in enumerate(line):
            pixel = picture.getpixel(
                (int((column + QUIET_ZONE + 0.5) * module), int((row + QUIET_ZONE + 0.5) * module))
            )
            assert (pixel < 128) == bool(dark), (row, column)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "example.com", "https://example.com/" + "x" * 300])
def test_address_that_cannot_be_scanned_is_refused(url):
    with pytest.raises(ValueError, match="check address"):
        qr_svg(url)
