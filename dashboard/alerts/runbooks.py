"""Finds the section of a runbook that a rule names, and lays it out to be read where the alert is."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup, escape

from dashboard.core.config import CHECKOUT

DOCS = CHECKOUT / "docs"
HEADING = re.compile(r"^(#+)\s+(.*?)\s*$")
ITEM = re.compile(r"^(\d+\.|-)\s+(.*)$")
MARKED = ((re.compile(r"`([^`]+)`"), r"<code>\1</code>"), (re.compile(r"\*([^*]+)\*"), r"<em>\1</em>"))


@dataclass
class Block:
    """A paragraph (p), or a list with numbers (ol) or points (ul), with its texts."""

    kind: str
    texts: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[Markup]:
        """The texts with code and emphasis marked."""
        return [_marked(text) for text in self.texts]


def _marked(text: str) -> Markup:
    html = str(escape(text))
    for pattern, written in MARKED:
        html = pattern.sub(written, html)
    return Markup(html)  # noqa: S704  # escaped above, before our own two elements were put in


def blocks(text: str) -> list[Block]:
    """Lay out what the runbooks use of Markdown: paragraphs, lists, code and emphasis."""
    found: list[Block] = []
    is_open = False
    for line in text.splitlines():
        if not line.strip():
            is_open = False
        elif item := ITEM.match(line):
            kind = "ul" if item[1] == "-" else "ol"
            if not found or found[-1].kind != kind:
                found.append(Block(kind))
            found[-1].texts.append(item[2])
            is_open = True
        elif is_open:
            found[-1].texts[-1] += f" {line.strip()}"
        else:
            found.append(Block("p", [line.strip().lstrip("# ")]))
            is_open = True
    return found


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
