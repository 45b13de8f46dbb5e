"""Owns the type of a file: found in its content, held against its name and the list of allowed types."""

import codecs
import re
import warnings
import zipfile
from typing import BinaryIO

import puremagic
from PIL import Image

from dashboard.core.errors import InvalidInputError
from dashboard.files.naming import extension_of

OFFICE = "application/vnd.openxmlformats-officedocument"
OPEN_DOCUMENT = "application/vnd.oasis.opendocument"
UNKNOWN = "application/octet-stream"
PLAIN = "text/plain"
IMAGES = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/tiff": "TIFF",
}
EXTENSIONS: dict[str, tuple[str, ...]] = {
    "application/pdf": ("pdf",),
    "application/rtf": ("rtf",),
    "application/json": ("json",),
    "application/xml": ("xml",),
    "application/zip": ("zip",),
    "image/png": ("png",),
    "image/jpeg": ("jpg", "jpeg", "jpe", "jfif"),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "image/tiff": ("tif", "tiff"),
    "image/svg+xml": ("svg",),
    "message/rfc822": ("eml",),
    "text/csv": ("csv",),
    "text/html": ("html", "htm", "xhtml"),
    PLAIN: ("txt", "log", "md", "tsv", "text"),
    f"{OFFICE}.wordprocessingml.document": ("docx",),
    f"{OFFICE}.spreadsheetml.sheet": ("xlsx",),
    f"{OFFICE}.presentationml.presentation": ("pptx",),
    f"{OPEN_DOCUMENT}.text": ("odt",),
    f"{OPEN_DOCUMENT}.spreadsheet": ("ods",),
    f"{OPEN_DOCUMENT}.presentation": ("odp",),
}
# Neither pages nor drawings that can carry scripts, nor archives that hide what is in them.
DEFAULT_TYPES = frozenset(EXTENSIONS) - {"text/html", "image/svg+xml", "application/xml", "application/zip"}
_TEXT_TYPES = {extension: kind for kind in ("text/csv", PLAIN) for extension in EXTENSIONS[kind]} | {
    "json": "application/json",
    "eml": "message/rfc822",
}
_HEAD = 4096
_CHUNK = 64 * 1024
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MARKUP = re.compile(
    r"^(?:\s|<\?xml[^>]*>|<!--.*?-->)*<(!doctype\s+)?([a-z][\w:-]*)", re.IGNORECASE | re.DOTALL
)
_MAX_ENTRIES = 5000
_INSIDE = {
    "word/document.xml": f"{OFFICE}.wordprocessingml.document",
    "xl/workbook.xml": f"{OFFICE}.spreadsheetml.sheet",
    "ppt/presentation.xml": f"{OFFICE}.presentationml.presentation",
}


def check_kind(name: str, stream: BinaryIO, allowed: frozenset[str]) -> tuple[str, str]:
    """Return the name (with an extension) and the type of a file, or refuse it with InvalidInputError."""
    extension = extension_of(name)
    kind = detect(stream, extension)
    if kind not in allowed:
        raise InvalidInputError(
            f"“{name}” was not kept: files of the type {kind} are not accepted.",
            fix=f"Accepted are {', '.join(sorted(_spelled(allowed)))}.",
        )
    if kind in IMAGES:
        _demand_readable(name, kind, stream)
    expected = EXTENSIONS.get(kind, ())
    if not extension and expected:
        return f"{name}.{expected[0]}", kind
    if expected and extension not in expected:
        raise InvalidInputError(
            f"“{name}” was not kept: by its content it is {_article(expected[0].upper())} file.",
            fix=f"If that is right, give it a name that ends in .{expected[0]}.",
        )
    return name, kind


def _spelled(allowed: frozenset[str]) -> list[str]:
    return [EXTENSIONS[kind][0].upper() if kind in EXTENSIONS else kind for kind in allowed]


def _article(word: str) -> str:
    return f"{'an' if word[0] in 'AEFHILMNORSX' else 'a'} {word}"


def detect(stream: BinaryIO, extension: str = "") -> str:
    """Find the type by content alone; the extension only tells kinds of plain text apart."""
    stream.seek(0)
    head = stream.read(_HEAD)
    try:
        if head.startswith(b"%PDF-"):
            return "application/pdf"
        if head.startswith(b"{\\rtf"):
            return "application/rtf"
        if head.startswith(b"PK\x03\x04"):
            return _look_into_zip(stream)
        if _is_text(head, stream):
            return _text_kind(_decode(head), extension)
        return _magic_kind(head)
    finally:
        stream.seek(0)


def _is_text(head: bytes, stream: BinaryIO) -> bool:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return not head[2:].startswith(b"\x00\x00")
    stream.seek(0)
    while chunk := stream.read(_CHUNK):
        if _CONTROL.search(chunk):
            return False
    return True


def _decode(head: bytes) -> str:
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return head.decode("utf-16" if wide else "utf-8", "replace").lstrip("\ufeff")


def _text_kind(text: str, extension: str) -> str:
    if not text.lstrip().startswith("<"):
        return _TEXT_TYPES.get(extension, PLAIN)
    found = _MARKUP.match(text)
    word = found.group(2).lower().rpartition(":")[2] if found else ""
    if word == "svg":
        return "image/svg+xml"
    # anything else that begins with a tag may be taken for a page by some program
    return "application/xml" if text.lstrip().startswith("<?xml") and word != "html" else "text/html"


def _look_into_zip(stream: BinaryIO) -> str:
    """Tell office documents from archives by the names inside; nothing is unpacked but one short entry."""
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive:
            entries = archive.infolist()
            names = {entry.filename for entry in entries[:_MAX_ENTRIES]}
            if len(entries) > _MAX_ENTRIES or any(name.endswith("vbaProject.bin") for name in names):
                return "application/zip"
            if entries and entries[0].filename == "mimetype" and entries[0].file_size < 100:
                return archive.read(entries[0]).decode("ascii", "replace").strip() or UNKNOWN
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError):
        return UNKNOWN
    return next((kind for name, kind in _INSIDE.items() if name in names), "application/zip")


def _magic_kind(head: bytes) -> str:
    try:
        found = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return UNKNOWN
    named = [match.mime_type for match in found if match.mime_type]
    return next((kind for kind in named if kind in EXTENSIONS), named[0] if named else UNKNOWN)


def _demand_readable(name: str, kind: str, stream: BinaryIO) -> None:
    """Refuse what only begins like an image. Reads the header, decodes nothing."""
    stream.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(stream, formats=(IMAGES[kind],)) as image:
                # a page hidden behind a picture's first bytes has no sensible size
                is_image = image.width > 0 and image.height > 0
    except Image.DecompressionBombError:
        is_image = True  # kept, as bytes; nobody decodes it (see previews)
    except Exception:  # noqa: BLE001  # Pillow raises many kinds for broken files
        is_image = False
    finally:
        stream.seek(0)
    if not is_image:
        raise InvalidInputError(
            f"“{name}” was not kept: it begins like an image, but is damaged.", fix="Save it again and retry."
        )
