"""Finds the section of a runbook that a rule names, to be read where the alert is."""

import re
from pathlib import Path

from dashboard.core.config import CHECKOUT

DOCS = CHECKOUT / "docs"
HEADING = re.compile(r"^(#+)\s+(.*?)\s*$")


def read(address: str, folder: Path = DOCS) -> str:
    """Return the text under a heading: `alerts.md#disk-nearly-full`; without # the whole file.

    '' where this installation carries no documents, or the heading is gone.
    """
    name, _, wanted = address.partition("#")
    try:
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return "\n".join(_section(lines, wanted) if wanted else lines).strip()


def _section(lines: list[str], wanted: str) -> list[str]:
    found: list[str] = []
    depth = 0
    for line in lines:
        heading = HEADING.match(line)
        if heading and depth and len(heading[1]) <= depth:
            break
        if heading and not depth and anchor(heading[2]) == wanted:
            depth = len(heading[1])
            continue
        if depth:
            found.append(line)
    return found


def anchor(heading: str) -> str:
    """Return the address of a heading as forges write it: "Disk nearly full" → disk-nearly-full."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
