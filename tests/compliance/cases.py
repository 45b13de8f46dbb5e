"""The list of cases: one for each promise, which keeps it and then breaks it."""

from collections.abc import Callable
from typing import TypeVar

from tests.compliance.world import World


class Case:
    """One promise: `keep` makes everything well, `spoil` breaks the thing; `words` must be in the reason."""

    words = ""

    def keep(self, world: World) -> None:
        """Make it kept."""
        raise NotImplementedError

    def spoil(self, world: World) -> None:
        """Break it."""
        raise NotImplementedError


Kind = TypeVar("Kind", bound=type[Case])
CASES: dict[str, type[Case]] = {}


def case(key: str, words: str) -> Callable[[Kind], Kind]:
    """Declare the case of a promise."""

    def declare(kind: Kind) -> Kind:
        kind.words = words
        CASES[key] = kind
        return kind

    return declare
