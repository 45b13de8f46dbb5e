"""Cuts SQL into words, so that rules look at statements and not at strings or comments."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<body>\$(?P<tag>[A-Za-z_]\w*|)\$.*?\$(?P=tag)\$)
    |(?P<string>[eE]'(?:[^'\\]|\\.|'')*'|[bBxXnN]?'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")+")
    |(?P<name>[A-Za-z_\u0080-\uffff][\w$]*)
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<sign>::|.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """One word or sign. `key` is the keyword it may be, upper case; `name` the identifier it may be."""

    kind: str
    text: str
    position: int

    @property
    def key(self) -> str:
        """The keyword or sign; empty for quoted names, strings and bodies."""
        if self.kind == "name":
            return self.text.upper()
        return self.text if self.kind in {"sign", "number"} else ""

    @property
    def name(self) -> str:
        """The identifier as PostgreSQL folds it; empty for what can be none."""
        if self.kind == "quoted":
            return self.text[1:-1].replace('""', '"')
        return self.text.lower() if self.kind == "name" else ""

    @property
    def inside(self) -> str:
        """What a string or body says."""
        if self.kind == "body":
            return self.text.split("$", 2)[2].rsplit("$", 2)[0]
        return self.text.split("'", 1)[1][:-1].replace("''", "'") if self.kind == "string" else ""


Tokens = Sequence[Token]


def read_tokens(sql: str) -> tuple[Token, ...]:
    """Return the tokens of a statement without space, comments and a closing semicolon."""
    found = [
        Token(match.lastgroup if match.lastgroup != "tag" else "body", match.group(), match.start())
        for match in TOKEN.finditer(sql)
        if match.lastgroup and not match.group("space")
    ]
    while found and found[-1].text == ";":
        found.pop()
    return tuple(found)


def split_at_semicolons(tokens: Tokens) -> tuple[Tokens, ...]:
    """Return the statements of a text; one with nothing in it for an empty text.

    Semicolons in brackets (the actions of a rule) and in BEGIN ATOMIC … END belong to their statement.
    """
    found: list[Tokens] = []
    start, depth, blocks = 0, 0, 0
    for place, token in enumerate(tokens):
        depth += (token.text == "(") - (token.text == ")")
        is_atomic = [one.key for one in tokens[place : place + 2]] == ["BEGIN", "ATOMIC"]
        blocks += is_atomic or (blocks > 0 and token.key == "CASE")
        blocks -= blocks > 0 and token.key == "END"
        if token.text == ";" and depth <= 0 and not blocks:
            found.append(tokens[start:place])
            start, depth = place + 1, 0
    found.append(tokens[start:])
    return tuple(piece for piece in found if piece) or ((),)


def split_at_commas(tokens: Tokens) -> Iterator[Tokens]:
    """Yield the parts between commas that stand in no brackets."""
    depth, start = 0, 0
    for place, token in enumerate(tokens):
        depth += (token.text in {"(", "["}) - (token.text in {")", "]"})
        if token.text == "," and depth == 0:
            yield tokens[start:place]
            start = place + 1
    if tokens[start:]:
        yield tokens[start:]


def has_words(tokens: Tokens, *words: str) -> bool:
    """Whether the keywords follow each other somewhere, outside brackets."""
    keys, depth = [], 0
    for token in tokens:
        depth -= token.text == ")"
        keys.append(token.key if depth == 0 else "")
        depth += token.text == "("
    return any(tuple(keys[place : place + len(words)]) == words for place in range(len(keys)))
