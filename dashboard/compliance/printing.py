"""Sets a report as a PDF with what it was made of attached, so that the file can be checked by itself."""

import json
from datetime import UTC, datetime
from typing import Any

import structlog
import typst

from dashboard.compliance.brought import content_in
from dashboard.core.config import CHECKOUT
from dashboard.core.errors import UnavailableError

TEMPLATES = CHECKOUT / "templates" / "compliance"
FONTS = CHECKOUT / "static" / "vendor" / "fonts"
NAME = b"promises.json"
WORDS = {
    "kept": "Kept",
    "at_risk": "At risk",
    "broken": "Broken",
    "unknown": "Unknown",
    "attested": "Attested",
    "not_promised": "Not promised",
}
log = structlog.get_logger()


def print_report(content: str, sha256: str) -> bytes:
    """Return the PDF of a report's canonical content. The same content gives the same bytes.

    Raises UnavailableError.
    """
    if not FONTS.is_dir():
        raise UnavailableError(
            "documents", "The fonts of documents are not built.", fix="Run make static/vendor/.built."
        )
    try:
        pdf = typst.compile(
            str(TEMPLATES / "report.typ"),
            root=str(TEMPLATES),
            font_paths=[str(FONTS)],
            ignore_system_fonts=True,
            sys_inputs={"data": json.dumps(shown(content, sha256), ensure_ascii=False), "content": content},
            format="pdf",
        )
    except (typst.TypstError, RuntimeError) as error:
        log.warning("report_not_set", error=str(error))
        raise UnavailableError(
            "documents", "The report could not be set.", fix="Nothing was kept."
        ) from error
    if not isinstance(pdf, bytes):
        raise UnavailableError("documents", "The report has no single file.")
    if content_in(pdf) != content:
        # It is kept for ever: better none than one that nobody can check by itself.
        log.warning("report_without_content", sha256=sha256, pdf_bytes=len(pdf), attached=NAME in pdf)
        raise UnavailableError(
            "documents", "What the report was made of is missing in its file.", fix="Nothing was kept."
        )
    return pdf


def shown(content: str, sha256: str) -> dict[str, Any]:
    """What the page of the report shows: moments in words, promises by area, the figures of states."""
    data: dict[str, Any] = json.loads(content)
    for one in data["promises"]:
        one["word"] = WORDS[one["state"]]
        one["evidence_at"], one["since"] = _moment(one["evidence_at"]), _moment(one["since"])
        one["confirmed_on"] = one["confirmed_on"] or ""
    areas = dict.fromkeys(one["area"] for one in data["promises"])
    made = datetime.fromisoformat(data["created_at"]).astimezone(UTC)
    return data | {
        "sha256": sha256,
        "areas": [[area, [one for one in data["promises"] if one["area"] == area]] for area in areas],
        "created": _moment(data["created_at"]),
        "clock": [made.year, made.month, made.day, made.hour, made.minute, made.second],
        "states": [[state, WORDS[state], data["counts"].get(state, 0)] for state in WORDS],
    }


def _moment(written: str | None) -> str:
    if not written:
        return ""
    return f"{datetime.fromisoformat(written).astimezone(UTC):%-d %b %Y, %H:%M} UTC"
