"""Each rule has a test that breaks what it watches and sees it fire and clear: read from the tests."""

import ast
from collections.abc import Iterator
from pathlib import Path

from dashboard.alerts.rules import load

TESTS = Path(__file__).resolve().parents[1]


def broken_rules(path: Path) -> Iterator[str]:
    """The keys that `@pytest.mark.breaks(…)` names, on a test or for its whole file."""
    source = path.read_text(encoding="utf-8")
    if "mark.breaks(" not in source:
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.breaks":
            yield from (str(word.value) for word in node.args if isinstance(word, ast.Constant))


def marked() -> set[str]:
    return {key for path in sorted(TESTS.rglob("test_*.py")) for key in broken_rules(path)}


def test_every_rule_has_a_test_that_breaks_it() -> None:
    assert sorted(load().keys() - marked()) == []


def test_no_test_claims_to_break_a_rule_that_is_not_there() -> None:
    assert sorted(marked() - load().keys()) == []
