"""What a drill keeps of each check, and how an error of PostgreSQL is judged: the backup's or the drill's."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

import psycopg2

CLUSTER = "cluster"  # the subject of checks that belong to no tenant
LONGEST_DETAIL = 2000
FILE = re.compile(r"(?:relation|file) \"?((?:base|global|pg_tblspc)/[\w./-]+)")
# Out of disk or memory, told to stop, or the connection broke: nothing of it is the backup's fault.
NOT_THE_BACKUP = ("08", "53", "57", "25006")


class Status(StrEnum):
    """How a check ended; skipped ones say why."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class DrillBrokenError(Exception):
    """The drill itself could not go on; the backup is neither proven nor disproven."""


@dataclass(frozen=True)
class Check:
    """One check of one subject (a tenant's short name, or the cluster). `file` is what it found broken."""

    name: str
    title: str
    subject: str
    status: Status
    detail: str = ""
    seconds: float = 0.0
    file: str = ""

    def row(self) -> Mapping[str, Any]:
        """Return what is kept."""
        return asdict(self) | {"status": str(self.status), "detail": self.detail[:LONGEST_DETAIL]}


@dataclass(frozen=True)
class Answer:
    """What a check found: problems (none: it passed), else `detail`; `skipped` says why it could not look."""

    problems: Sequence[str] = ()
    detail: str = ""
    skipped: str = ""
    file: str = ""


def examine(name: str, title: str, subject: str, look: Callable[[], Answer]) -> Check:
    """Run one check and time it. Raises DrillBrokenError when it could not be run for a reason of its own."""
    begun = time.monotonic()
    try:
        answer = look()
    except psycopg2.Error as error:
        answer = judge(error)
    found = Check(name, title, subject, Status.PASSED, answer.detail)
    if answer.problems:
        found = replace(found, status=Status.FAILED, detail="; ".join(answer.problems), file=answer.file)
    elif answer.skipped:
        found = replace(found, status=Status.SKIPPED, detail=answer.skipped)
    return replace(found, seconds=round(time.monotonic() - begun, 3))


def judge(error: psycopg2.Error) -> Answer:
    """Tell a restored server that refuses its own data from one that is merely gone."""
    words = " ".join(str(error).split())
    if error.pgcode is None or error.pgcode.startswith(NOT_THE_BACKUP):
        raise DrillBrokenError(f"The restored server stopped answering: {words}") from error
    return Answer([words], file=file_in(words))


def file_in(words: str) -> str:
    """Return the file of the data folder that a message names, '' when it names none."""
    named = FILE.search(words)
    return named[1] if named else ""
