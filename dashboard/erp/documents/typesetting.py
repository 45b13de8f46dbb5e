"""Owns turning data into a PDF with typst: texts go in as values, so that none of them is read as markup."""

import json
from collections.abc import Mapping
from typing import Any

import structlog
import typst

from dashboard.core.config import CHECKOUT
from dashboard.core.errors import UnavailableError

TEMPLATES = CHECKOUT / "templates" / "erp" / "documents"
FONTS = CHECKOUT / "static" / "vendor" / "fonts"
log = structlog.get_logger()


def typeset(template: str, data: Mapping[str, Any]) -> bytes:
    """The PDF of a template (`purchase_order`) with its data. Raises UnavailableError.

    Only the fonts that are shipped count, so that a document looks the same on every machine.
    """
    if not FONTS.is_dir():
        raise UnavailableError(
            "documents", "The fonts of documents are not built.", fix="Run make static/vendor/.built."
        )
    try:
        pdf = typst.compile(
            str(TEMPLATES / f"{template}.typ"),
            root=str(TEMPLATES),
            font_paths=[str(FONTS)],
            ignore_system_fonts=True,
            sys_inputs={"data": json.dumps(dict(data), ensure_ascii=False)},
            format="pdf",
        )
    except (typst.TypstError, RuntimeError) as error:
        log.warning("document_not_set", template=template, error=str(error))
        raise UnavailableError(
            "documents", "The document could not be set.", fix="Nothing was changed."
        ) from error
    if not isinstance(pdf, bytes):
        raise UnavailableError("documents", "The document has no single file.")
    return pdf
