"""Owns the log lines of a run, kept free of secrets."""

import re
from uuid import UUID

from dashboard.core.logs import URL_PASSWORD
from dashboard.jobs.models import JobLog
from dashboard.jobs.store import control_transaction

NAMED_SECRET = re.compile(
    r"(?i)\b((?:pg|redis)?(?:password|passwd|secret|token|passphrase)\w*\s*[=:]\s*)('[^']*'|\"[^\"]*\"|[^\s,;)]+)"
)
REDIS_PASSWORD = re.compile(r"(\w+://)[^@/\s]*@")
MAX_LINE = 4000


def redact(text: str) -> str:
    """Blank passwords in addresses and after names that say they are secret."""
    text = REDIS_PASSWORD.sub(r"\1…@", URL_PASSWORD.sub(r"\1…@", text))
    return NAMED_SECRET.sub(r"\1…", text)


def write_line(run_id: UUID, text: str) -> None:
    """Add a line to a run's log, with what PostgreSQL cannot store taken out."""
    clean = redact(text.replace("\x00", "")).rstrip()[:MAX_LINE]
    with control_transaction() as session:
        session.add(JobLog(run_id=run_id, text=clean))
