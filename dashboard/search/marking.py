"""Owns how a hit is written: the words found are marked, long text is cut to where they are. All escaped."""

import re
from collections.abc import Iterable
from functools import lru_cache

from markupsafe import Markup, escape

AROUND = 40
LONG = 120


def mark(text: str, words: Iterable[str]) -> Markup:
    """The text with every word in <mark>, whatever its case."""
    pattern = _pattern(tuple(words))
    if pattern is None:
        return escape(text)
    pieces = pattern.split(text)  # odd ones matched
    return Markup("").join(
        Markup("<mark>{}</mark>").format(piece) if index % 2 else escape(piece)
        for index, piece in enumerate(pieces)
    )


def excerpt(text: str, words: Iterable[str]) -> str:
    """The piece of a long text around the first word found, in one line."""
    text = " ".join(text.split())
    if len(text) <= LONG:
        return text
    pattern = _pattern(tuple(words))
    found = pattern.search(text) if pattern else None
    start = max(0, found.start() - AROUND) if found else 0
    piece = text[start : start + LONG]
    return ("…" if start else "") + piece + ("…" if start + LONG < len(text) else "")


def contains(text: str, words: Iterable[str]) -> bool:
    """Whether any of the words is in the text."""
    pattern = _pattern(tuple(words))
    return bool(pattern and pattern.search(text))


@lru_cache(maxsize=256)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str] | None:
    longest_first = sorted(filter(None, words), key=len, reverse=True)
    return (
        re.compile(f"({'|'.join(map(re.escape, longest_first))})", re.IGNORECASE) if longest_first else None
    )
