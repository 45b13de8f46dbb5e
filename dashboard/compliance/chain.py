"""The hash chain of evidence: canonical text, the hash over it, and where a chain breaks. Pure.

Each link's content names the hash of the link before. So no row can be changed, taken out or put elsewhere
without the next one telling; what is cut off at the end is told by the log of operations.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

FIRST = "0" * 64  # what the first link names as the one before


@dataclass(frozen=True)
class Sealed:
    """One link as it is stored: the hash written beside it, the one it names, and what it consists of."""

    number: int
    previous_sha256: str
    sha256: str
    content: str


@dataclass(frozen=True)
class Break:
    """The first link that does not hold, and why."""

    number: int
    reason: str


@dataclass(frozen=True)
class ChainState:
    """How a chain stands; `head` is the hash of its last link."""

    links: int
    head: str
    broken: Break | None = None

    @property
    def holds(self) -> bool:
        """Whether every link is as it was written."""
        return self.broken is None


def canonical(content: Mapping[str, Any]) -> str:
    """The one text of a content: sorted names, no spaces, no escapes, so that everybody hashes the same."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(content: str | bytes) -> str:
    """SHA-256 of a text (as UTF-8) or of bytes, in hexadecimal."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def examine(links: Iterable[Sealed], logged: Mapping[int, str]) -> ChainState:
    """Follow a chain from its first link; stop at the first that does not hold. `links` come by number.

    `logged` are the hashes that the log of operations noted when links were made: they tell of an end that
    was cut off or written anew, which a chain cannot know of itself.
    """
    head, count = FIRST, 0
    for link in links:
        reason = _wrong(link, count + 1, head)
        if not reason and logged.get(link.number, link.sha256) != link.sha256:
            reason = "The log of operations noted another hash when it was made: it was written anew."
        if reason:
            return ChainState(count, head, Break(link.number, reason))
        head, count = link.sha256, link.number
    last = max(logged, default=0)
    if last <= count:
        return ChainState(count, head)
    reason = f"It is missing, with all up to {last} that the log of operations names: the end was cut off."
    return ChainState(count, head, Break(count + 1, reason))


def _wrong(link: Sealed, expected: int, head: str) -> str:
    if link.number != expected:
        gone = f"{expected} is" if link.number == expected + 1 else f"{expected} to {link.number - 1} are"
        return f"Number {gone} missing before it: the chain was cut there."
    if digest(link.content) != link.sha256:
        return "Its content is not what was sealed: it was changed afterwards."
    if link.previous_sha256 != head or not names(link.content, head):
        return "It does not follow the one before: one of the two was replaced or put elsewhere."
    return ""


def names(content: str, previous: str) -> bool:
    """Whether the content itself names the hash of the link before."""
    try:
        return bool(json.loads(content).get("previous_sha256") == previous)
    except (ValueError, AttributeError):
        return False
