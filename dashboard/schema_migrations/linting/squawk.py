"""Asks squawk, a linter of PostgreSQL migrations, about a plan. No Flask, no queue, no session."""

import json
import subprocess  # an engine beside the interpreter, with a fixed argument list
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).with_name("squawk")
TIMEOUT_SECONDS = 30
# The runner sets the timeouts and repeats by its own counter, so that IF NOT EXISTS would only hide an
# invalid index; text against varchar is taste.
EXCLUDED = ("require-lock-timeout", "require-statement-timeout", "prefer-text-field", "prefer-robust-stmts")
COMMAND = ("--reporter", "json", "--pg-version", "14", "--stdin-filepath", "plan.sql")
LEVELS = {"Error": "danger", "Warning": "warning"}
STYLE = frozenset(
    {
        *("prefer-bigint-over-int", "prefer-bigint-over-smallint", "prefer-big-int", "prefer-identity"),
        *("prefer-timestamp-tz", "ban-char-field", "identifier-too-long"),
    }
)


class NotLintedError(Exception):
    """Squawk is missing, broke off or answered something else; the message is one line for people."""


@dataclass(frozen=True)
class Remark:
    """One finding of squawk; `line` counts from 0."""

    line: int
    rule: str
    level: str
    message: str
    advice: str


def ask(sql: str, program: Path = PROGRAM) -> list[Remark]:
    """Return what squawk says about a text. Raises NotLintedError, never returns nothing for an error."""
    command = [str(program), *COMMAND, "--exclude", ",".join(EXCLUDED)]
    try:
        done = subprocess.run(  # our own program; the text goes to its standard input
            command, input=sql, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotLintedError(f"squawk could not be run: {error}") from error
    if done.returncode not in {0, 1}:
        raise NotLintedError(f"squawk ended with {done.returncode}: {done.stderr.strip()[:200]}")
    try:
        return [_remark(row) for row in json.loads(done.stdout)]
    except (ValueError, KeyError, TypeError) as error:
        raise NotLintedError(f"squawk's answer could not be read: {error}") from error


def _remark(row: dict[str, Any]) -> Remark:
    rule = str(row["rule_name"])
    level = "note" if rule in STYLE else LEVELS.get(str(row["level"]), "warning")
    return Remark(int(row["line"]), rule, level, str(row["message"]), str(row.get("help") or ""))
