"""Owns the uploaded bytes: kept in the tenant's own table, read back in pieces for the readers."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.imports.models import ImportRun

PIECE = 1 << 20


@contextmanager
def opened(session: Session, run_id: int) -> Iterator[Path]:
    """The upload as a file, gone afterwards."""
    handle, name = tempfile.mkstemp(prefix="import-")
    try:
        with os.fdopen(handle, "wb") as file:
            start = 1
            while True:
                piece = session.scalar(
                    select(func.substring(ImportRun.content, start, PIECE)).where(ImportRun.id == run_id)
                )
                if not piece:
                    break
                file.write(piece)
                start += PIECE
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
