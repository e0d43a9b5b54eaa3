"""What a document may load while it is rendered: files of listed packages and attachments by listed ids, nothing else.

WeasyPrint's own fetcher opens local files and any address on the network, from any ``src`` or ``url()`` that found its
way into the HTML. This one opens neither. Kinds of address:

``package:<package>/<path>``
    a stylesheet, font or picture in a ``static``, ``fonts`` or ``css`` folder, or directly in the package, of a package
    that the caller listed.
``attachment:<id>``
    a picture of the attachment store, if the caller listed the id.
``data:image/png;base64,…`` (also JPEG)
    a small picture made by us, such as a signature.
"""

from __future__ import annotations

import base64
import binascii
import io
import logging
import re
from collections.abc import Callable, Collection
from importlib.resources import files

from PIL import Image
from weasyprint.urls import URLFetcher, URLFetcherResponse

logger = logging.getLogger(__name__)

AttachmentReader = Callable[[str], bytes]

OWN_PACKAGE = "core.machinery.documents"
MAX_DATA_CHARACTERS = 400_000
MAX_PICTURE_BYTES = 12_000_000
MAX_PICTURE_PIXELS = 40_000_000
PICTURE_FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg", "WEBP": "image/webp"}
PACKAGE_TYPES = {
    "css": "text/css",
    "ttf": "font/ttf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "svg": "image/svg+xml",
}
PACKAGE_FOLDERS = {"static", "fonts", "css"}

_PACKAGE_PATH = re.compile(r"[A-Za-z_][\w.]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)+", re.ASCII)
_DATA_PICTURE = re.compile(r"data:image/(?:png|jpeg);base64,", re.IGNORECASE)


class ResourceRefused(ValueError):
    """An address that a document may not load, or a resource that is not what it claims to be."""


class DocumentFetcher(URLFetcher):
    """Loads what the caller listed; everything else is refused, logged and kept in :attr:`refused`.

    :param packages: names of packages whose files may be read, besides this one
    :param attachments: ids of the attachments that belong to the document
    :param read_attachment: returns the bytes of a listed attachment; raises LookupError or OSError when it is gone
    """

    def __init__(
        self,
        *,
        packages: Collection[str] = (),
        attachments: Collection[str] = (),
        read_attachment: AttachmentReader | None = None,
    ) -> None:
        super().__init__(timeout=1, allowed_protocols=(), allow_redirects=False)
        self.packages = frozenset(packages) | {OWN_PACKAGE}
        self.attachments = frozenset(attachments)
        self.read_attachment = read_attachment
        self.refused: list[str] = []

    def fetch(self, url: str, headers: object = None) -> URLFetcherResponse:
        """Return the resource at *url*; raises :class:`ResourceRefused`, to WeasyPrint a missing picture."""
        try:
            scheme, _, rest = url.partition(":")
            match scheme.lower():
                case "package":
                    body, mime = self._package_file(rest)
                case "attachment":
                    body, mime = self._attachment(rest)
                case "data":
                    body, mime = self._data(url)
                case _:
                    raise ResourceRefused("only package:, attachment: and small data: pictures are allowed")
        except ResourceRefused as error:
            shown = url if len(url) <= 120 else url[:117] + "…"
            self.refused.append(shown)
            logger.warning("A document asked for %r and was refused: %s.", shown, error)
            raise
        return URLFetcherResponse(url, body, {"Content-Type": mime})

    def _package_file(self, rest: str) -> tuple[bytes, str]:
        package, _, path = rest.partition("/")
        parts = path.split("/")
        if not _PACKAGE_PATH.fullmatch(rest) or package not in self.packages:
            raise ResourceRefused("the package is not listed for this document")
        mime = PACKAGE_TYPES.get(path.rpartition(".")[2].lower())
        if mime is None or (len(parts) > 1 and parts[0] not in PACKAGE_FOLDERS):
            raise ResourceRefused("the file is not a stylesheet, font or picture of the package")
        resource = files(package).joinpath(*parts)
        if not resource.is_file():
            raise ResourceRefused("the package has no such file")
        return resource.read_bytes(), mime

    def _attachment(self, identifier: str) -> tuple[bytes, str]:
        if identifier not in self.attachments or self.read_attachment is None:
            raise ResourceRefused("the attachment is not listed for this document")
        try:
            body = self.read_attachment(identifier)
        except (LookupError, OSError) as error:
            raise ResourceRefused(f"the attachment cannot be read ({type(error).__name__})") from error
        return body, checked_picture(body)

    def _data(self, url: str) -> tuple[bytes, str]:
        if len(url) > MAX_DATA_CHARACTERS:
            raise ResourceRefused(f"a data: picture may have {MAX_DATA_CHARACTERS} characters")
        prefix = _DATA_PICTURE.match(url)
        if prefix is None:
            raise ResourceRefused("only PNG and JPEG pictures may come as data:")
        try:
            body = base64.b64decode(url[prefix.end() :], validate=True)
        except binascii.Error as error:
            raise ResourceRefused("the data: picture is not valid base64") from error
        return body, checked_picture(body)


def checked_picture(body: bytes) -> str:
    """The media type of a picture, decided by its content.

    Raises :class:`ResourceRefused` unless it is a PNG, JPEG or WebP of at most 12 MB and 40 megapixels. SVG is refused:
    a picture of a user in that format can keep the renderer busy for ever.
    """
    if len(body) > MAX_PICTURE_BYTES:
        raise ResourceRefused(f"the picture has {len(body)} bytes, at most {MAX_PICTURE_BYTES} are allowed")
    try:
        with Image.open(io.BytesIO(body), formats=["PNG", "JPEG", "WEBP"]) as picture:
            width, height = picture.size
            mime = PICTURE_FORMATS[picture.format or ""]
    except (OSError, KeyError, ValueError, Image.DecompressionBombError) as error:
        raise ResourceRefused("the content is not a PNG, JPEG or WebP picture") from error
    if width * height > MAX_PICTURE_PIXELS:
        raise ResourceRefused(f"the picture has {width}×{height} pixels, at most 40 megapixels are allowed")
    return mime
