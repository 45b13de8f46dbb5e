"""Checks both chains, and files somebody brings: are they what was exported? For the command and the page."""

import json
from dataclasses import dataclass

from sqlalchemy import select

from dashboard.compliance import attested, reports
from dashboard.compliance.brought import content_in, content_of
from dashboard.compliance.chain import ChainState, digest
from dashboard.compliance.models import PromiseReport
from dashboard.core.db import db

PDF = b"%PDF-"


@dataclass(frozen=True)
class Finding:
    """One thing that was checked: whether it is in order, and a sentence."""

    is_well: bool
    text: str


def check_chains() -> list[Finding]:
    """Both chains from their first link to the last."""
    found = {"report": reports.examine_chain(), "statement": attested.examine_chain()}
    return [_of_chain(name, state) for name, state in found.items()]


def _of_chain(name: str, state: ChainState) -> Finding:
    if state.broken:
        return Finding(
            is_well=False, text=f"{name.capitalize()} {state.broken.number}: {state.broken.reason}"
        )
    if not state.links:
        return Finding(is_well=True, text=f"There is no {name} yet.")
    links = f"{state.links} {name}{'s' * (state.links != 1)}"
    return Finding(is_well=True, text=f"{links}, unbroken; the last one is {state.head}.")


def check_file(data: bytes) -> Finding:
    """Say which report a PDF or JSON file is, and whether it is exactly what was exported."""
    return _check_pdf(data) if data.startswith(PDF) else _check_json(data)


def _check_pdf(data: bytes) -> Finding:
    number = db.session.scalar(select(PromiseReport.number).where(PromiseReport.pdf_sha256 == digest(data)))
    if number is not None:
        return Finding(is_well=True, text=f"The file is report {number}, byte for byte as it was exported.")
    content = content_in(data)
    if not content:
        return Finding(is_well=False, text="The file is no report of promises: nothing is attached to it.")
    claimed = _check_content(content)
    if not claimed.is_well:
        return claimed
    text = f"{claimed.text} But the file itself was changed after its export: do not trust what it shows."
    return Finding(is_well=False, text=text)


def _check_json(data: bytes) -> Finding:
    try:
        content = content_of(data)
    except ValueError:
        return Finding(is_well=False, text="The file is neither a PDF nor JSON.")
    if not content:
        return Finding(is_well=False, text="The file is no report of promises.")
    return _check_content(content)


def _check_content(content: str) -> Finding:
    number = json.loads(content)["number"]
    sha256 = db.session.scalar(select(PromiseReport.sha256).where(PromiseReport.number == number))
    if sha256 is None:
        here = "which is not here: it was removed, or the file is of another installation."
        return Finding(is_well=False, text=f"The file says it is report {number}, {here}")
    if sha256 != digest(content):
        text = f"The file says it is report {number}, but its content differs from what was sealed."
        return Finding(is_well=False, text=text)
    return Finding(is_well=True, text=f"The content is that of report {number}.")
