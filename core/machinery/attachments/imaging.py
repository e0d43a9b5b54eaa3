"""Decodes one picture and makes it anew: smaller, upright, without metadata. Runs as a program of its own.

``intake`` starts it by path in an isolated interpreter with limits on memory, time and files, and speaks with it
through pipes: the options come as a JSON argument and the upload on standard input; a line of JSON and the bytes of
the picture and of its thumbnail go to standard output. Nothing of Doorstep is imported here, so that it starts quickly
and a hostile picture finds no data.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import resource
import sys
from typing import Any

import pi_heif
from PIL import (
    Image,
    ImageCms,
    ImageDraw,
    ImageFont,
    ImageOps,
    JpegImagePlugin,  # noqa: F401 - registers its format
    PngImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")
_ORIGINAL_TIME, _ORIGINAL_OFFSET, _CHANGED_TIME = 0x9003, 0x9011, 0x0132
_EXIF_BLOCK = 0x8769
_JPEG_QUALITY = 82


class Refused(Exception):
    """The picture cannot be taken; the argument is the code of the reason."""


def process(content: bytes, options: dict[str, Any]) -> tuple[dict[str, Any], bytes, bytes]:
    """Return facts about the new picture, its bytes and those of its thumbnail.

    Args:
        content: The upload.
        options: ``max_pixels``, ``longest_side``, ``thumbnail_side`` in pixels, ``watermark`` (lines of text, in which
            ``{time}`` stands for the moment of the picture), ``font`` (path), ``now`` (ISO 8601, for pictures without a
            moment), ``zone_offset`` (minutes east of UTC for a camera clock without a zone).

    Raises:
        Refused: ``not_a_picture``, ``too_many_pixels`` or ``damaged``.
    """
    picture = _open(content)
    width, height = picture.size
    if width * height > options["max_pixels"]:
        raise Refused("too_many_pixels")
    taken_at = _taken_at(picture, options["zone_offset"])
    longest = options["longest_side"]
    try:
        if picture.format in ("JPEG", "MPO"):
            picture.draft("RGB", (longest, longest))
        picture.load()
        upright = _flat(ImageOps.exif_transpose(picture))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise Refused("damaged") from error
    upright.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    small = upright.copy()
    small.thumbnail((options["thumbnail_side"],) * 2, Image.Resampling.LANCZOS)
    if options["watermark"]:
        moment = (taken_at or options["now"])[:16].replace("T", " ")
        lines = [line.replace("{time}", moment) for line in options["watermark"]]
        upright = _watermarked(upright, lines, options["font"])
    facts = {"width": upright.width, "height": upright.height, "taken_at": taken_at}
    return facts, _jpeg(upright), _jpeg(small)


def _open(content: bytes) -> Image.Image:
    pi_heif.register_heif_opener(thumbnails=False)
    Image.MAX_IMAGE_PIXELS = None
    try:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise Refused("not_a_picture") from error


def _taken_at(picture: Image.Image, zone_offset: int) -> str | None:
    """Return the moment on the camera's clock as ISO 8601 with offset."""
    try:
        exif = picture.getexif()
        block = exif.get_ifd(_EXIF_BLOCK)
        text = str(block.get(_ORIGINAL_TIME) or exif.get(_CHANGED_TIME) or "").strip("\0 ")
        moment = dt.datetime.strptime(text, "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - the zone follows
        offset = str(block.get(_ORIGINAL_OFFSET) or "").strip("\0 ")
        zone = dt.timezone(dt.timedelta(minutes=zone_offset))
        if offset:
            zone = dt.datetime.strptime(offset, "%z").tzinfo or zone  # type: ignore[assignment]
        return moment.replace(tzinfo=zone).isoformat()
    except Exception:
        return None


def _flat(picture: Image.Image) -> Image.Image:
    """Return the picture in sRGB on white, without transparency."""
    profile = picture.info.get("icc_profile")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, "white")
        ground.alpha_composite(picture)
        picture = ground
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = picture.point(lambda value: value * (1 / 256)).convert("L")
    if profile and picture.mode in ("RGB", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            picture = converted or picture
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return picture.convert("RGB")


def _watermarked(picture: Image.Image, lines: list[str], font_path: str) -> Image.Image:
    """Return the picture with the lines in white on a dark band along its lower edge."""
    size = max(13, round(max(picture.size) / 52))
    while True:
        font = ImageFont.truetype(font_path, size)
        widest = max(font.getlength(line) for line in lines)
        if widest <= picture.width - size or size <= 8:
            break
        size = max(8, int(size * max(0.5, (picture.width - size) / widest)))
    step = round(size * 1.45)
    band = step * len(lines) + size // 2
    layer = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    drawing = ImageDraw.Draw(layer)
    top = max(0, picture.height - band)
    drawing.rectangle((0, top, picture.width, picture.height), fill=(0, 0, 0, 110))
    for index, line in enumerate(lines):
        drawing.text((size // 2, top + size // 4 + index * step), line, font=font, fill=(255, 255, 255, 255))
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


def _jpeg(picture: Image.Image) -> bytes:
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=_JPEG_QUALITY, optimize=True, progressive=True)
    return target.getvalue()


def main() -> None:
    """Serve one picture; exit code 0 for a result or a refusal, anything else for a crash."""
    options = json.loads(sys.argv[1])
    memory = options["memory_bytes"]
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (options["seconds"], options["seconds"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        facts, picture, thumbnail = process(sys.stdin.buffer.read(), options)
        head = {**facts, "sizes": [len(picture), len(thumbnail)]}
    except Refused as refused:
        head, picture, thumbnail = {"refused": str(refused)}, b"", b""
    except MemoryError:
        head, picture, thumbnail = {"refused": "damaged"}, b"", b""
    output = sys.stdout.buffer
    output.write(json.dumps(head).encode() + b"\n" + picture + thumbnail)
    output.flush()


if __name__ == "__main__":
    main()
