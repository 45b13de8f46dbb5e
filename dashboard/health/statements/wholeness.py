"""Owns whether a text is one statement that can be explained, and nothing behind it. Pure."""

import re

# What may hold a semicolon that ends nothing; an unclosed one makes the text unusable. With
# standard_conforming_strings a backslash escapes in E'' only.
_PARTS = re.compile(
    r"""
    (?P<escaped>\b[Ee]'(?:[^'\\]|\\.|'')*')
    | (?P<quoted>'(?:[^']|'')*')
    | (?P<name>"(?:[^"]|"")*")
    | (?P<line>--[^\n]*)
    | (?P<comment>/\*)
    | (?P<dollar>(?<![\w$])\$(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?\$)
    | (?P<end>;)
    | (?P<broken>['"\\\x00])
    """,
    re.VERBOSE | re.DOTALL,
)
_WORD = re.compile(r"[\s(]*([A-Za-z]+)")
EXPLAINABLE = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES", "TABLE"})
_PARAMETER = re.compile(r"\$(\d+)")


def verb(text: str) -> str:
    """Return the first word of a statement in capitals; '' when it begins with none."""
    found = _WORD.match(text)
    return found[1].upper() if found else ""


def why_not(text: str) -> str:
    """Return why a text is not explained, in a sentence; '' when it can be."""
    first = verb(text)
    if first not in EXPLAINABLE:
        return f"{first or 'Such a text'} has no plan: only queries and changes of rows have one."
    return "" if is_single(text) else "The text does not read as one whole statement, so it is not sent."


def is_single(text: str) -> bool:
    """Whether nothing stands behind the first statement. In doubt it is not."""
    at = 0
    while found := _PARTS.search(text, at):
        kind = found.lastgroup
        if kind == "broken":
            return False
        if kind == "end":
            return not text[found.end() :].strip()
        at = found.end()
        if kind == "comment":
            at = _end_of_comment(text, at)
        elif kind == "dollar":
            at = text.find(found[0], at) + len(found[0]) if found[0] in text[at:] else -1
        if at < 0:
            return False
    return True


def _end_of_comment(text: str, at: int) -> int:
    """Comments of PostgreSQL nest; -1 when one is not closed."""
    depth = 1
    for found in re.compile(r"/\*|\*/").finditer(text, at):
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return found.end()
    return -1


def count_parameters(text: str) -> int:
    """Return the highest n of $n."""
    return max((int(found) for found in _PARAMETER.findall(text)), default=0)
