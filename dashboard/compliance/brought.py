"""Finds a report's content in a file somebody brings, whatever else that file was made to be."""

import json
import re
import zlib
from collections.abc import Iterator
from typing import Any

from dashboard.compliance.chain import canonical

KIND = "steward-promises"
"""What a report's content says of itself."""
BEGIN, END = re.compile(rb"stream\r?\n"), b"endstream"
MOST_OF_ONE = 5_000_000
"""What one stream of a PDF may unpack to, in bytes; a report's content is a hundredth of it."""
MOST_OF_ALL = 50_000_000
"""What all streams of a PDF may unpack to together."""
MOST_REPORTS = 2**31


def content_of(data: bytes) -> str:
    """Return the canonical content that a JSON text is; '' when it is no report's.

    Raises ValueError for what is no JSON.
    """
    try:
        content = json.loads(data)
    except RecursionError:  # nested deeper than anything of ours
        return ""
    if not _is_report(content):
        return ""
    try:
        text = canonical(content)
        text.encode()
    except (ValueError, RecursionError):  # no number, or half a character: nothing that was ever sealed
        return ""
    return text


def content_in(pdf: bytes) -> str:
    """Return the canonical content that is attached to a report's PDF; '' when there is none.

    Goes through the file once and unpacks a bounded part of it, so that no file keeps anybody waiting.
    """
    left = MOST_OF_ALL
    for stream in _streams(pdf):
        unpacked = _unpacked(stream, min(left, MOST_OF_ONE))
        left -= len(unpacked)
        try:
            content = content_of(unpacked)
        except ValueError:
            content = ""
        if content or left <= 0:
            return content
    return ""


def _streams(pdf: bytes) -> Iterator[bytes]:
    """Yield what lies between the marks of each stream, with the end of the line before the second one."""
    at = 0
    while (begun := BEGIN.search(pdf, at)) and (end := pdf.find(END, begun.end())) >= 0:
        yield pdf[begun.end() : end]
        at = end + len(END)


def _unpacked(stream: bytes, most: int) -> bytes:
    """Unpack at most so many bytes, which are more than none; what is not packed is returned as it is."""
    try:
        return zlib.decompressobj().decompress(stream, most)
    except zlib.error:
        return stream[:most]


def _is_report(content: Any) -> bool:
    if not isinstance(content, dict) or content.get("kind") != KIND:
        return False
    number = content.get("number")
    return type(number) is int and 0 < number < MOST_REPORTS
