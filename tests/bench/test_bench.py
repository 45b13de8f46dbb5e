import os
import subprocess
import sys

import pytest

from bench.client import WrongAnswerError, fields_of
from bench.stage import CHECKOUT


def run_quickly(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a benchmark as people do: nobody counts the lines it passes."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return subprocess.run(
        [sys.executable, "-m", *arguments, "--rows", "2000", "--quick"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.slow
def test_benchmark_runs_and_both_sides_show_the_same_rows() -> None:
    """Asserts no time; the run itself refuses wrong rows, CSVs of other lengths and failed saves."""
    run = run_quickly("bench")
    assert run.returncode == 0, run.stderr[-3000:]
    for name in ("first page", "page 20, by anchor", "rare search", "edit form", "save", "CSV: growth"):
        assert name in run.stdout


@pytest.mark.slow
def test_the_benchmark_of_search_finds_what_it_asks_for() -> None:
    """Asserts no time; the run itself refuses questions without an answer."""
    run = run_quickly("bench.searching")
    assert run.returncode == 0, run.stderr[-3000:]
    assert "search, common word: server time" in run.stdout


def test_form_is_read_as_a_browser_sends_it() -> None:
    html = """
      <form><input name="other" value="x"></form>
      <form><input name="a" value="1"><input type="checkbox" name="b"><input type="checkbox" name="c" checked>
        <select name="d"><option value="1"><option value="2" selected></select>
        <select name="e" multiple><option value="1"></select>
        <textarea name="f">
two
lines</textarea><template><input name="blank"></template><input name="off" disabled>
        <button name="g">Save</button><input type="submit" name="h"></form>"""
    assert fields_of(html, "a") == [("a", "1"), ("c", "on"), ("d", "2"), ("f", "two\nlines")]
    with pytest.raises(WrongAnswerError):
        fields_of(html, "z")
