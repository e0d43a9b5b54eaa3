"""Fonts of merged files: letters that were written one by one each bring their own cut, and share one after merging.

WeasyPrint cuts a font to the glyphs of one file and leaves their numbers as they are. So the cuts of several files can
be laid over one another: where a glyph is in two of them it is the same, byte for byte, or the cuts stay apart.
"""

from __future__ import annotations

import io
import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_OF_THE_CUT = frozenset({"cmap", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "name", "OS/2", "post"})
"""Tables that differ from cut to cut; all others have to be the same."""
_BOX = struct.Struct(">4h")
_BOX_AT = 36


@dataclass
class _Cut:
    """A font that was cut: its tables, and the outline and the width of each glyph that it holds, by number."""

    tables: dict[str, bytes]
    outlines: dict[int, bytes]
    widths: dict[int, bytes]
    count: int

    @classmethod
    def read(cls, content: bytes) -> _Cut | None:
        """Return the cut that a font file holds; None where it is none with outlines of TrueType."""
        tables = dict(_tables(content))
        if not {"glyf", "head", "hhea", "hmtx", "loca", "maxp"} <= tables.keys():
            return None
        count = struct.unpack_from(">H", tables["maxp"], 4)[0]
        is_long = struct.unpack_from(">h", tables["head"], 50)[0]
        starts = array("I" if is_long else "H", tables["loca"])
        if sys.byteorder == "little":
            starts.byteswap()
        scale, glyf = (1 if is_long else 2), tables["glyf"]
        if len(starts) != count + 1:
            return None
        outlines = {
            number: glyf[starts[number] * scale : starts[number + 1] * scale].rstrip(b"\0")
            for number in range(count)
            if starts[number] != starts[number + 1]
        }
        metrics = _all_metrics(tables["hmtx"], struct.unpack_from(">H", tables["hhea"], 34)[0], count)
        if len(metrics) != 4 * count:
            return None
        widths = {
            number: metrics[4 * number : 4 * number + 4]
            for number, width in enumerate(array("I", metrics))
            if width
        }
        return cls(tables, outlines, widths, count)

    def fits(self, other: _Cut) -> bool:
        """Return whether both are cut from the same font, as far as they can be compared."""
        return (
            self.tables.keys() == other.tables.keys()
            and self.tables["head"][16:20] == other.tables["head"][16:20]
            and len(self.tables["maxp"]) == len(other.tables["maxp"])
            and all(self.tables[tag] == other.tables[tag] for tag in self.tables if tag not in _OF_THE_CUT)
            and _agree(self.outlines, other.outlines)
            and _agree(self.widths, other.widths)
        )

    def take_in(self, other: _Cut) -> None:
        """Take in the glyphs of another cut of the same font."""
        self.outlines |= other.outlines
        self.widths |= other.widths
        self.count = max(self.count, other.count)
        ours, theirs = (
            list(struct.unpack(f">{(len(each) - 4) // 2}H", each[4:]))
            for each in (self.tables["maxp"], other.tables["maxp"])
        )
        most = [max(pair) for pair in zip(ours, theirs, strict=True)]
        self.tables["maxp"] = self.tables["maxp"][:4] + struct.pack(f">{len(most)}H", *most)
        boxes = [_BOX.unpack_from(each["head"], _BOX_AT) for each in (self.tables, other.tables)]
        box = [pick(pair) for pick, pair in zip((min, min, max, max), zip(*boxes, strict=True), strict=True)]
        head = bytearray(self.tables["head"])
        _BOX.pack_into(head, _BOX_AT, *box)
        self.tables["head"] = bytes(head)

    def content(self) -> bytes:
        """Return the font file."""
        from fontTools.ttLib import TTFont
        from fontTools.ttLib.tables.DefaultTable import DefaultTable

        starts, glyf, widths = array("I", [0]), bytearray(), bytearray(4 * self.count)
        for number in range(self.count):
            outline = self.outlines.get(number, b"")
            glyf += outline + b"\0" * (-len(outline) % 4)
            starts.append(len(glyf))
        for number, width in self.widths.items():
            widths[4 * number : 4 * number + 4] = width
        if sys.byteorder == "little":
            starts.byteswap()
        head, hhea, maxp = (bytearray(self.tables[tag]) for tag in ("head", "hhea", "maxp"))
        struct.pack_into(">h", head, 50, 1)
        struct.pack_into(">H", hhea, 34, self.count)
        struct.pack_into(">H", maxp, 4, self.count)
        made = {
            **self.tables,
            "glyf": bytes(glyf),
            "loca": starts.tobytes(),
            "hmtx": bytes(widths),
            "head": bytes(head),
            "hhea": bytes(hhea),
            "maxp": bytes(maxp),
        }
        font = TTFont(recalcBBoxes=False, recalcTimestamp=False)
        for tag, data in made.items():
            font[tag] = DefaultTable(tag)
            font[tag].data = data
        target = io.BytesIO()
        font.save(target)
        return target.getvalue()


def _tables(content: bytes) -> Iterator[tuple[str, bytes]]:
    if len(content) < 12 or content[:4] not in (b"\0\1\0\0", b"true"):
        return
    for number in range(struct.unpack_from(">H", content, 4)[0]):
        tag, _sum, start, length = struct.unpack_from(">4s3I", content, 12 + 16 * number)
        yield tag.decode("latin-1"), content[start : start + length]


def _all_metrics(table: bytes, measured: int, count: int) -> bytes:
    """Return width and left bearing of all glyphs; the last ones of a table may share one width."""
    full, bearings = table[: 4 * measured], table[4 * measured :]
    return full + b"".join(
        full[-4:-2] + bearings[2 * each : 2 * each + 2] for each in range(count - measured)
    )


def _agree(ours: dict[int, bytes], theirs: dict[int, bytes]) -> bool:
    return all(ours[number] == theirs[number] for number in ours.keys() & theirs.keys())


@dataclass
class _Shared:
    """Cuts of one font, and the descriptions that will refer to them."""

    cut: _Cut
    descriptors: list[Any] = field(default_factory=list)


def share_fonts(pdf: Any) -> int:
    """Let the cuts of the same font in a PDF be one.

    Only fonts are touched whose glyphs are named by the numbers of the font file, and only where all glyphs that two
    cuts have in common are the same.

    Args:
        pdf: An open PDF of pikepdf.

    Returns:
        How many cuts were replaced by a shared one.
    """
    shared: dict[str, list[_Shared]] = {}
    replaced = 0
    for font, descriptor in _cut_fonts(pdf):
        cut = _Cut.read(descriptor.FontFile2.read_bytes())
        if cut is None:
            continue
        known = shared.setdefault(str(font.BaseFont).partition("+")[2], [])
        found = next((each for each in known if each.cut.fits(cut)), None)
        if found is None:
            known.append(_Shared(cut, [descriptor]))
        else:
            found.cut.take_in(cut)
            found.descriptors.append(descriptor)
    for each in (each for known in shared.values() for each in known if len(each.descriptors) > 1):
        content = each.cut.content()
        stream = pdf.make_stream(content, Length1=len(content))
        for descriptor in each.descriptors:
            descriptor.FontFile2 = stream
        replaced += len(each.descriptors)
    return replaced


def _cut_fonts(pdf: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the fonts of a PDF whose glyphs are named by their numbers, each file once, with their descriptions."""
    import pikepdf

    seen: set[tuple[int, int]] = set()
    for item in pdf.objects:
        if not isinstance(item, pikepdf.Dictionary) or item.get("/Subtype") != "/CIDFontType2":
            continue
        descriptor = item.get("/FontDescriptor")
        if item.get("/CIDToGIDMap") != "/Identity" or descriptor is None or "/FontFile2" not in descriptor:
            continue
        if "/CIDSet" in descriptor or descriptor.objgen in seen:
            continue
        seen.add(descriptor.objgen)
        yield item, descriptor
