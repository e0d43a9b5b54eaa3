"""Fixed forms: laid out once, then only the values of each letter are drawn over the finished page.

WeasyPrint lays out the form with blank slots; where each slot came to stand is read from its boxes. A letter then costs
the drawing of a few lines of text and a QR code. A value that would not look as the layout would have set it (too wide,
a character that the font lacks, a line break, glyphs that need shaping) makes :meth:`Form.placed` refuse, and the
letter is laid out as a whole.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from core.machinery.documents import fonts
from core.machinery.documents.renderer import LaidOut, PdfMetadata, RenderJob, lay_out
from core.machinery.documents.slots import DRAWING, ShapedLine, shaped_line
from core.machinery.documents.verification_code import QUIET_ZONE, dark_runs, qr_matrix

POINTS = 0.75
"""Points in a pixel of CSS."""
_TOLERANCE = 0.02
_FEATURES = {"pwid", "tnum"}


@dataclass(frozen=True)
class Place:
    """Where a slot stands on a page, in points from the lower left corner.

    For text, ``x`` and ``width`` are those of its box and ``y`` is the baseline; for a drawing ``y`` is its upper edge.
    """

    page: int
    x: float
    y: float
    width: float
    align: str = "left"
    size: float = 0.0
    weight: int = 400
    colour: tuple[float, float, float] = (0.0, 0.0, 0.0)
    features: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Drawn:
    """One value at one place, ready to be drawn: a shaped line, or the address of a QR code."""

    place: Place
    line: ShapedLine | None
    url: str = ""


@dataclass(frozen=True)
class Form:
    """A form that was laid out: its pages as a PDF, their size in points, and the places of its slots by number."""

    content: bytes
    sizes: tuple[tuple[float, float], ...]
    places: tuple[tuple[Place, ...], ...]
    laid_out: LaidOut

    def placed(self, values: Sequence[tuple[str, str]]) -> list[Drawn] | None:
        """Return the values of a letter at their places, or None when one of them needs layout.

        Args:
            values: Kind and value by the number of the slot.
        """
        if len(values) != len(self.places):
            return None
        drawn: list[Drawn] = []
        for (kind, value), places in zip(values, self.places, strict=True):
            for place in places:
                if kind == DRAWING:
                    drawn.append(Drawn(place, None, value))
                elif value:
                    line = _fitting_line(value, place)
                    if line is None:
                        return None
                    drawn.append(Drawn(place, line))
        return drawn


def _fitting_line(value: str, place: Place) -> ShapedLine | None:
    if value != " ".join(value.split(" ")).strip() or "  " in value or not value.isprintable():
        return None
    if fonts.missing_characters(value):
        return None
    line = shaped_line(value, place.weight, dict(place.features))
    if line is None or line.width * place.size > place.width + _TOLERANCE:
        return None
    return line


def lay_out_form(job: RenderJob, slots: int) -> Form | None:
    """Lay out a form and find its slots, or return None when it cannot be drawn over.

    Args:
        job: The form with blank slots.
        slots: How many slots it has.

    Raises:
        DocumentRenderError: The form cannot be laid out.
    """
    laid_out = lay_out(job)
    places: list[list[Place]] = [[] for _number in range(slots)]
    for number, page in enumerate(laid_out.document.pages):
        for index, place in _places_on(page._page_box, number, page.height * POINTS):
            if place is None or index >= slots:
                return None
            places[index].append(place)
    if laid_out.missing_characters or not all(places):
        return None
    return Form(
        content=laid_out.finished(job.metadata).content,
        sizes=tuple((page.width * POINTS, page.height * POINTS) for page in laid_out.document.pages),
        places=tuple(map(tuple, places)),
        laid_out=LaidOut(None, (), laid_out.refused_resources),
    )


def _places_on(root: Any, page: int, height: float) -> Iterator[tuple[int, Place | None]]:
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        box = waiting.pop()
        element = getattr(box, "element", None)
        mark = element.get("data-slot") if element is not None and hasattr(element, "get") else None
        if mark is None:
            waiting.extend(_children(box))
        elif int(mark) not in seen:
            seen.add(int(mark))
            yield int(mark), _place(box, page, height)


def _children(box: Any) -> list[Any]:
    return list(box.all_children()) if hasattr(box, "all_children") else []


def _place(box: Any, page: int, height: float) -> Place | None:
    if hasattr(box, "replacement"):
        top = height - box.content_box_y() * POINTS
        return Place(page, box.content_box_x() * POINTS, top, box.width * POINTS)
    line = _first_text(box)
    if line is None or not isinstance(box.width, int | float):
        return None
    style = line.style
    features = _features(style["font_feature_settings"])
    weight = {400: 400, 700: 700}.get(style["font_weight"])
    colour = tuple(style["color"].to("srgb").coordinates)
    # What moves or changes glyphs in ways that are not drawn here.
    plain = (
        style["letter_spacing"] in ("normal", 0)
        and style["word_spacing"] == 0
        and style["text_transform"] == "none"
        and style["font_style"] == "normal"
        and style["color"].alpha == 1
    )
    if not plain or features is None or weight is None:
        return None
    return Place(
        page=page,
        x=box.content_box_x() * POINTS,
        y=height - (line.position_y + line.baseline) * POINTS,
        width=box.width * POINTS,
        align={"right": "right", "end": "right", "center": "center"}.get(box.style["text_align_all"], "left"),
        size=style["font_size"] * POINTS,
        weight=weight,
        colour=(colour[0], colour[1], colour[2]),
        features=features,
    )


def _first_text(box: Any) -> Any:
    for child in _children(box):
        if hasattr(child, "text") and hasattr(child, "baseline"):
            return child
        if (found := _first_text(child)) is not None:
            return found
    return None


def _features(declared: Any) -> tuple[tuple[str, int], ...] | None:
    if declared == "normal":
        return ()
    found = tuple(sorted((name, int(value)) for name, value in dict(declared).items()))
    return found if {name for name, _value in found} <= _FEATURES else None


def draw(letters: Sequence[tuple[Form, Sequence[Drawn]]], metadata: PdfMetadata) -> bytes:
    """Return a PDF of the letters one after the other; each different form is in it once.

    Args:
        letters: The form and the placed values of each letter.
        metadata: Shown by readers of the file.
    """
    import pikepdf
    from reportlab.pdfgen.canvas import Canvas

    target = io.BytesIO()
    canvas = Canvas(target, pageCompression=1)
    for form, drawn in letters:
        for number, size in enumerate(form.sizes):
            canvas.setPageSize(size)
            for each in drawn:
                if each.place.page == number:
                    _draw_one(canvas, each)
            canvas.showPage()
    canvas.save()
    target.seek(0)
    with pikepdf.open(target) as pdf:
        below = _Forms(pdf)
        pages = iter(pdf.pages)
        for form, _drawn in letters:
            for number in range(len(form.sizes)):
                below.lay_under(next(pages), form, number)
        describe(pdf, metadata)
        content = io.BytesIO()
        pdf.save(content, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return content.getvalue()


def _draw_one(canvas: Any, drawn: Drawn) -> None:
    place = drawn.place
    if drawn.line is None:
        _draw_code(canvas, place, drawn.url)
        return
    room = place.width - drawn.line.width * place.size
    start = place.x + {"right": room, "center": room / 2}.get(place.align, 0.0)
    # One text object a line, kerned by the space after a glyph: so its text can be found and copied as a whole.
    text = canvas.beginText(start, place.y)
    text.setFillColorRGB(*place.colour)
    text.setFont(_font_name(place.weight), place.size)
    for run in drawn.line.runs:
        text.textOut(run.text[:-1])
        text.setCharSpace(run.gap * place.size)
        text.textOut(run.text[-1])
        text.setCharSpace(0)
    canvas.drawText(text)


def _draw_code(canvas: Any, place: Place, url: str) -> None:
    matrix = qr_matrix(url)
    scale = place.width / (len(matrix) + 2 * QUIET_ZONE)
    canvas.saveState()
    canvas.setFillColorRGB(0, 0, 0)
    canvas.translate(place.x + QUIET_ZONE * scale, place.y - QUIET_ZONE * scale)
    canvas.scale(scale, -scale)
    path = canvas.beginPath()
    for row, line in enumerate(matrix):
        for start, length in dark_runs(line):
            path.rect(start, row, length, 1)
    canvas.drawPath(path, stroke=0, fill=1)
    canvas.restoreState()


class _Forms:
    """The pages of forms as drawings of one PDF, each copied into it once."""

    def __init__(self, pdf: Any) -> None:
        self._pdf = pdf
        self._copied: dict[tuple[int, int], Any] = {}

    def lay_under(self, page: Any, form: Form, number: int) -> None:
        """Draw a page of a form below what stands on a page already."""
        import pikepdf

        key = (id(form), number)
        if key not in self._copied:
            with pikepdf.open(io.BytesIO(form.content)) as source:
                for position, each in enumerate(source.pages):
                    self._copied[id(form), position] = self._pdf.copy_foreign(each.as_form_xobject())
        name = page.add_resource(self._copied[key], pikepdf.Name.XObject)
        page.contents_add(f"q {name} Do Q".encode(), prepend=True)


def describe(pdf: Any, metadata: PdfMetadata) -> None:
    """Replace what a PDF says about itself.

    Args:
        pdf: An open PDF of pikepdf.
        metadata: What readers of the file show.
    """
    info = {
        "/Title": metadata.title,
        "/Author": metadata.author,
        "/Subject": metadata.subject,
        "/Keywords": ", ".join(metadata.keywords),
        "/Producer": "Doorstep",
    }
    for name in list(pdf.docinfo.keys()):
        del pdf.docinfo[name]
    for name, value in info.items():
        if value:
            pdf.docinfo[name] = value
    if metadata.created:
        pdf.docinfo["/CreationDate"] = _pdf_date(metadata.created)


def _pdf_date(moment: str) -> str:
    import datetime as dt

    parsed = dt.datetime.fromisoformat(moment).astimezone(dt.UTC)
    return f"D:{parsed:%Y%m%d%H%M%S}Z"


@lru_cache(maxsize=2)
def _font_name(weight: int) -> str:
    """Return the name under which reportlab knows a weight of our font, read on first use."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    name = f"DoorstepSansSC-{weight}"
    # Only what is drawn comes into the file: else each letter of an archive brings all letters of the alphabet, which
    # nothing shares when they are merged, and the words of the licence.
    font = TTFont(name, str(fonts.FONT_FILES[weight]), asciiReadable=0)
    for needless in ("name", "OS/2"):
        font.face.table.pop(needless, None)
    pdfmetrics.registerFont(font)
    return name
