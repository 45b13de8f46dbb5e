"""Finds revisions of a history that offer no way back."""

import ast
from pathlib import Path

from alembic.script import ScriptDirectory


def find_missing_downgrades(scripts: ScriptDirectory) -> frozenset[str]:
    """Return the revisions whose downgrade is absent, empty or refuses."""
    return frozenset(
        script.revision for script in scripts.walk_revisions() if not has_downgrade(Path(script.path))
    )


def has_downgrade(path: Path) -> bool:
    """Whether a revision file's `downgrade` does anything but pass or raise."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == "downgrade":
            return any(not _is_idle(statement) for statement in node.body)
    return False


def _is_idle(statement: ast.stmt) -> bool:
    """A docstring, pass, `...` or raise."""
    is_constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_constant or isinstance(statement, ast.Pass | ast.Raise)
