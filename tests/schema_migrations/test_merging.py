"""Two heads are refused with what to type, and the command joins them."""

import shutil
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from flask import Flask

from dashboard.schema_migrations import service
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.merging import advise, merge_heads

REVISION = '"""{0}."""\n\nrevision = "{0}"\ndown_revision = {1}\n\n\ndef upgrade():\n    pass\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A history in which two people built on 0001."""
    shutil.copy(Path(History.TENANT.directory) / "script.py.mako", tmp_path)
    (tmp_path / "env.py").write_text("")
    versions = tmp_path / "versions"
    versions.mkdir()
    for name, parent in (("0001", None), ("0002", "0001"), ("0002b", "0001")):
        (versions / f"{name}.py").write_text(REVISION.format(name, repr(parent)))
    return tmp_path


def test_two_heads_say_what_to_type(folder: Path) -> None:
    heads = tuple(sorted(ScriptDirectory(str(folder)).get_heads()))
    advice = advise(History.TENANT, heads)
    assert "0002, 0002b" in advice
    assert "flask --app wsgi migrations merge tenant" in advice


@pytest.mark.parametrize("history", list(History), ids=str)
def test_a_history_with_one_head_needs_no_advice(app: Flask, history: History) -> None:
    assert advise(history, service.heads(history)) == "", advise(history, service.heads(history))


def test_merging_leaves_one_head(folder: Path) -> None:
    path = Path(merge_heads(History.TENANT, folder))
    assert path.is_file()
    scripts = ScriptDirectory(str(folder))
    assert scripts.get_heads() == ["0004"]
    merged = scripts.get_revision("0004")
    assert merged is not None
    assert set(merged.down_revision or ()) == {"0002", "0002b"}


def test_one_head_is_nothing_to_merge(app: Flask) -> None:
    answer = app.test_cli_runner().invoke(args=["migrations", "merge", "tenant"])
    assert answer.exit_code == 1
    assert "nothing to merge" in answer.output
