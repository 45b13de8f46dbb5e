"""Matches the beginning of a statement against a pattern: `ALTER COLUMN? <column> SET NOT~NULL`.

WORD has to be there, WORD? may be, A~B are words together, `...` skips to the next word outside brackets,
<name> takes an identifier with its schema, <name>? may be absent, <list> takes several with commas between.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from dashboard.schema_migrations.linting.tokens import Tokens

# An optional name must not swallow the word that follows it.
NEVER_NAMES = frozenset({"ON", "USING", "SET", "TO", "ADD", "DROP", "FROM", "WHERE", "AS", "IF"})


@dataclass(frozen=True)
class Name:
    """An identifier, with what stands before it and a dot."""

    parts: tuple[str, ...]

    @property
    def last(self) -> str:
        """The name itself."""
        return self.parts[-1]

    @property
    def schema(self) -> str:
        """What stands before it; empty where the search_path decides."""
        return self.parts[-2] if len(self.parts) > 1 else ""


@dataclass(frozen=True)
class Match:
    """What a pattern took; `rest` is what follows."""

    names: dict[str, tuple[Name, ...]]
    flags: frozenset[str]
    rest: Tokens

    def first(self, key: str) -> Name | None:
        """The name taken for a place, if any."""
        return next(iter(self.names.get(key, ())), None)


@dataclass
class _State:
    tokens: Tokens
    place: int = 0
    names: dict[str, tuple[Name, ...]] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)


@cache
def _elements(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.split())


def match(pattern: str, tokens: Tokens) -> Match | None:
    """Return what the pattern takes from the beginning, None when it does not fit."""
    state, elements = _State(tokens), _elements(pattern)
    for index, element in enumerate(elements):
        if element == "...":
            following = elements[index + 1].split("~")
            if not _skip_to(state, following):
                return None
        elif not (_take_name if element.startswith("<") else _take_words)(state, element):
            return None
    return Match(state.names, frozenset(state.flags), tokens[state.place :])


def _take_words(state: _State, element: str) -> bool:
    words = element.rstrip("?").split("~")
    if _stands(state, state.place, words):
        state.place += len(words)
        state.flags.add(" ".join(words))
        return True
    return element.endswith("?")


def _stands(state: _State, place: int, words: Iterable[str]) -> bool:
    wanted = list(words)
    return [token.key for token in state.tokens[place : place + len(wanted)]] == wanted


def _skip_to(state: _State, words: list[str]) -> bool:
    depth = 0
    for place in range(state.place, len(state.tokens)):
        depth -= state.tokens[place].text == ")"
        if depth == 0 and _stands(state, place, words):
            state.place = place
            return True
        depth += state.tokens[place].text == "("
    return False


def _take_name(state: _State, element: str) -> bool:
    is_optional = element.endswith("?")
    if is_optional and state.place < len(state.tokens) and state.tokens[state.place].key in NEVER_NAMES:
        return True
    taken: list[Name] = []
    while name := _name_at(state):
        taken.append(name)
        if element != "<list>" or not _stands(state, state.place, [","]):
            break
        state.place += 1
    if taken:
        state.names[element.strip("<>?")] = tuple(taken)
    return bool(taken) or is_optional


def _name_at(state: _State) -> Name | None:
    parts: list[str] = []
    while state.place < len(state.tokens) and (part := state.tokens[state.place].name):
        parts.append(part)
        state.place += 1
        if not _stands(state, state.place, ["."]):
            break
        state.place += 1
    if parts and _stands(state, state.place, ["*"]):  # ALTER TABLE name *
        state.place += 1
    return Name(tuple(parts)) if parts else None
