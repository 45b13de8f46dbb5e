"""The conventions of the project as tests: where things are, how big they are, what they are called."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_cover  # reads the code and runs none of it
ROOT = Path(__file__).resolve().parents[2]
CODE = sorted((ROOT / "dashboard").rglob("*.py"))
REQUIRED = (
    *("dashboard", "migrations", "templates", "static", "tests", "docs", "bench", ".ci/run", "wsgi.py"),
    *("docker-compose.yml", "requirements.txt", "README.md", "Makefile", "pyproject.toml", "package.json"),
    "CHANGELOG.md",
)
MAX_LINES, MAX_FUNCTION = 400, 40
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "lib"}
ENGINE_FILES = re.compile(r"(probes|barman|alembic_engine)\.py$")


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring and signature."""
    body = function.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and len(body) > 1:
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def relative(path: Path) -> str:
    """The path as people write it."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("name", REQUIRED)
def test_the_expected_things_are_at_the_top(name: str) -> None:
    assert (ROOT / name).exists()


def test_no_file_is_longer_than_people_read() -> None:
    long = {relative(path): n for path in CODE if (n := len(path.read_text().splitlines())) > MAX_LINES}
    assert long == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{relative(path)}:{function.lineno} {function.name}: {body_lines(function)}"
        for path in CODE
        for function in functions(path)
        if body_lines(function) > MAX_FUNCTION
    ]
    assert long == []


def test_every_module_says_what_it_owns() -> None:
    assert [relative(path) for path in CODE if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_no_file_is_a_drawer() -> None:
    assert [relative(path) for path in CODE if path.stem in DRAWERS or path.parent.name in DRAWERS] == []


def test_no_import_hides_inside_a_function() -> None:
    hidden = [
        f"{relative(path)}:{node.lineno}"
        for path in CODE
        for function in functions(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_engines_know_no_web_no_queue_and_no_session() -> None:
    engines = [path for path in CODE if ENGINE_FILES.search(path.name) or "servers" in path.parts]
    assert engines
    forbidden = re.compile(r"^\s*(from|import) (flask|rq|dashboard\.core\.db)\b", re.MULTILINE)
    assert [relative(path) for path in engines if forbidden.search(path.read_text())] == []


def test_templates_carry_no_inline_code_or_style() -> None:
    inline = re.compile(r"""\s(on[a-z]+|style)\s*=\s*["']|javascript:|<script(?![^>]*nonce)""")
    templates = (ROOT / "templates").rglob("*.html")
    assert [relative(path) for path in templates if inline.search(path.read_text())] == []


def test_services_never_commit_the_request_session() -> None:
    commit = re.compile(r"db\.session\.commit\(\)")
    services = [path for path in CODE if path.name in {"service.py", "queries.py", "models.py"}]
    assert [relative(path) for path in services if commit.search(path.read_text())] == []
