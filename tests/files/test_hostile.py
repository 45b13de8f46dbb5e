"""Uploads that lie: about their name, their type, their size, or what unpacking them would cost."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest
import xlsxwriter

from dashboard.core.errors import InvalidInputError
from dashboard.files import previews
from dashboard.files.kinds import DEFAULT_TYPES, OFFICE, OPEN_DOCUMENT, check_kind, detect
from dashboard.files.naming import MAX_NAME, clean_name
from tests.files.conftest import PDF, picture


def archive(**entries: str) -> bytes:
    """A zip file; a double underscore stands for a slash, a single one for a dot."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        for name, text in entries.items():
            made.writestr(name.replace("__", "/").replace("_", "."), text)
    return target.getvalue()


def workbook() -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target) as book:
        book.add_worksheet().write(0, 0, "price")
    return target.getvalue()


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that claims (and unpacks to) gigabytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(4096))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\offer.pdf", "offer.pdf"),
        ("offer\x00.pdf\x00.exe", "offer.pdf.exe"),
        ("invoice\u202egnp.exe", "invoicegnp.exe"),
        ("\ud800half.pdf", "_half.pdf"),
        ("line\r\nSet-Cookie: x=1.pdf", "lineSet-Cookie_ x=1.pdf"),
        ('a"b<c>|d?.pdf', "a_b_c__d_.pdf"),
        ("...", "file"),
        ("", "file"),
        (".pdf", "pdf"),
        ("報価単.pdf", "報価単.pdf"),
        ("عرض أسعار.pdf", "عرض أسعار.pdf"),
    ],
)
def test_names_keep_what_people_read_and_nothing_else(given: str, kept: str) -> None:
    assert clean_name(given) == kept


def test_a_long_name_keeps_its_extension() -> None:
    name = clean_name("x" * 5000 + ".pdf")
    assert len(name) == MAX_NAME
    assert name.endswith(".pdf")


KINDS: list[tuple[Callable[[], bytes] | bytes, str, str]] = [
    (PDF, "offer.pdf", "application/pdf"),
    (lambda: picture("PNG"), "a.png", "image/png"),
    (lambda: picture("JPEG"), "a.jpg", "image/jpeg"),
    (lambda: picture("GIF"), "a.gif", "image/gif"),
    (lambda: picture("WEBP"), "a.webp", "image/webp"),
    (lambda: picture("TIFF"), "a.tif", "image/tiff"),
    (workbook, "prices.xlsx", f"{OFFICE}.spreadsheetml.sheet"),
    (lambda: archive(word__document_xml="<w/>"), "a.docx", f"{OFFICE}.wordprocessingml.document"),
    (
        lambda: archive(mimetype=f"{OPEN_DOCUMENT}.text"),
        "a.odt",
        f"{OPEN_DOCUMENT}.text",
    ),
    (b"sku,price\nA,1\n", "prices.csv", "text/csv"),
    ("größe;preis\n".encode("latin-1"), "prices.csv", "text/csv"),
    ("sku\tprice".encode("utf-16"), "prices.csv", "text/csv"),
    (b"BM,starts like a bitmap", "prices.csv", "text/csv"),
    (b"plain words", "note.txt", "text/plain"),
    (b"{\\rtf1 words}", "note.rtf", "application/rtf"),
]


@pytest.mark.parametrize(("data", "name", "kind"), KINDS, ids=[name for _, name, _ in KINDS])
def test_honest_files_are_taken_for_what_they_are(
    data: Callable[[], bytes] | bytes, name: str, kind: str
) -> None:
    stream = io.BytesIO(data if isinstance(data, bytes) else data())
    assert check_kind(name, stream, DEFAULT_TYPES) == (name, kind)
    assert stream.tell() == 0


LIES: list[tuple[bytes, str, str]] = [
    (b"<!DOCTYPE html><script>alert(1)</script>", "photo.png", "text/html"),
    (b"  \n<html><body onload=alert(1)>", "photo.png", "text/html"),
    (b"<!-- x --><body>", "note.txt", "text/html"),
    (b"\xef\xbb\xbf<script>alert(1)</script>", "note.txt", "text/html"),
    (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "drawing.png", "image/svg+xml"),
    (b"<?xml version='1.0'?><svg onload='alert(1)'/>", "drawing.svg", "image/svg+xml"),
    (b"<?xml version='1.0'?><x:html xmlns:x='http://www.w3.org/1999/xhtml'/>", "a.xml", "text/html"),
    (b"MZ\x90\x00\x03" + bytes(200), "offer.pdf", "portable-executable"),
    (b"\x7fELF\x02\x01\x01" + bytes(200), "offer", "are not accepted"),
    (archive(payload="x"), "offer.docx", "application/zip"),
    (archive(word__document_xml="x", word__vbaProject_bin="macro"), "offer.docx", "application/zip"),
    (b"PK\x03\x04 not really", "offer.docx", "not accepted"),
    (b"\x00\x01\x02\x03", "data.txt", "not accepted"),
]


@pytest.mark.parametrize(("data", "name", "words"), LIES, ids=range(len(LIES)))
def test_liars_are_refused_by_their_content(data: bytes, name: str, words: str) -> None:
    with pytest.raises(InvalidInputError, match="was not kept") as refusal:
        check_kind(name, io.BytesIO(data), DEFAULT_TYPES)
    assert words in refusal.value.message
    assert "PDF" in refusal.value.fix


def test_a_name_that_contradicts_the_content_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="by its content it is a PDF") as refusal:
        check_kind("photo.png", io.BytesIO(PDF), DEFAULT_TYPES)
    assert ".pdf" in refusal.value.fix


def test_a_name_without_extension_gets_the_one_of_its_content() -> None:
    assert check_kind("offer", io.BytesIO(PDF), DEFAULT_TYPES)[0] == "offer.pdf"


def test_a_page_behind_the_first_bytes_of_an_image_is_refused() -> None:
    polyglot = b"\x89PNG\r\n\x1a\n\x00<script>alert(1)</script>"
    with pytest.raises(InvalidInputError, match="begins like an image"):
        check_kind("photo.png", io.BytesIO(polyglot), DEFAULT_TYPES)


@pytest.mark.parametrize("size", [(60_000, 60_000), (9_000, 9_000)])
def test_a_picture_that_would_fill_the_memory_is_never_unpacked(size: tuple[int, int]) -> None:
    bomb = png_bomb(*size)
    assert len(bomb) < 1000
    assert check_kind("huge.png", io.BytesIO(bomb), DEFAULT_TYPES)[1] == "image/png"
    assert previews.draw(io.BytesIO(bomb), "image/png") == b""


def test_a_zip_of_a_million_names_is_not_read_as_a_document() -> None:
    many = archive(**{f"n{number}": "" for number in range(5001)}, word__document_xml="x")
    assert detect(io.BytesIO(many)) == "application/zip"
