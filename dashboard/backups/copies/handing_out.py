"""The buttons of dumps and copies, and handing a dump out: over a signed link, each time on record."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from dashboard.audit.service import record_operation
from dashboard.backups.copies import dumps, queries
from dashboard.backups.copies.models import BackupCopy, CopyKind
from dashboard.backups.copies.place import place_of
from dashboard.backups.copies.views import RUN
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.core.errors import ForbiddenError, InvalidInputError, NotFoundError
from dashboard.core.web import requires
from dashboard.files.delivery import protect
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url
from dashboard.tenancy.queries import get_tenant, known_tenants

pages = Blueprint("dumps", __name__)
SALT = "steward.backups.dump"
LINK_SECONDS = 120
LATE = timedelta(hours=50)  # of daily copies two were missed
CHUNK = 256 * 1024
DUMPS = (CopyKind.DATABASE, CopyKind.TENANT, CopyKind.CONTROL)
OTHERS = (CopyKind.FILES, CopyKind.BROKER)
JOBS = {
    "database": "backups.dump_database",
    "control": "backups.dump_control",
    "files": "backups.copy_files",
    "broker": "backups.copy_broker",
    "daily": "backups.copy_daily",
    "tenant": "backups.dump_tenant",
}
TITLES = {
    CopyKind.DATABASE: "ERP database",
    CopyKind.TENANT: "Tenants",
    CopyKind.CONTROL: "Control database",
    CopyKind.FILES: "Uploaded files",
    CopyKind.BROKER: "Broker",
}


def build_section() -> Mapping[str, Any]:
    """What the copies page says of dumps, files and broker. Reads rows only."""
    return {
        "summaries": [_summary(kind) for kind in (*DUMPS, *OTHERS)],
        "dumps": queries.list_copies(*DUMPS),
        "others": queries.list_copies(*OTHERS, limit=20),
        "running": queries.find_run(*JOBS.values(), "backups.prove_copy"),
        "tenants": known_tenants(),
        "place": place_of(get_settings()).url.removeprefix("file://"),
    }


def _summary(kind: CopyKind) -> dict[str, Any]:
    count, size, newest = queries.sum_up(kind)
    proven, failure = queries.find_proven(kind), queries.find_failure(kind)
    return {
        "title": TITLES[kind],
        "count": count,
        "size": size,
        "newest": newest,
        "proven_at": proven.proven_at if proven else None,
        "proven_by": proven.proven_by if proven else "",
        "failure": failure,
        "status": _status(newest, proven, failure),
    }


def _status(newest: datetime | None, proven: BackupCopy | None, failure: BackupCopy | None) -> str:
    if failure:
        return "critical"
    if newest is None or proven is None:
        return "unverified"
    return "warning" if datetime.now(UTC) - newest > LATE else "ok"


@pages.post("/database/backups/copies/make")
@requires(RUN)
def make() -> ResponseReturnValue:
    """Ask for a dump or a copy: `what` is database, control, files, broker, daily or tenant (with `slug`)."""
    what = request.form.get("what", "")
    if what not in JOBS:
        raise InvalidInputError("Nothing of that name can be copied.")
    args = {"slug": get_tenant(request.form.get("slug", "")).slug} if what == "tenant" else {}
    run = jobs.enqueue(JOBS[what], args, actor=_person())
    return redirect(run_url(run))


@pages.post("/database/backups/copies/<int:copy_id>/prove")
@requires(RUN)
def prove(copy_id: int) -> ResponseReturnValue:
    """Ask for a copy to be fetched and restored again."""
    dumps.stored_of(_find(copy_id))
    run = jobs.enqueue("backups.prove_copy", {"copy_id": copy_id}, actor=_person())
    return redirect(run_url(run))


@pages.get("/database/backups/copies/<int:copy_id>/download")
@requires(RUN)
def ask(copy_id: int) -> ResponseReturnValue:
    """Say what is in a dump before it leaves."""
    copy = _find(copy_id)
    dumps.stored_of(copy)
    return render_template("backups/copies/download.html", copy=copy, seconds=LINK_SECONDS)


@pages.post("/database/backups/copies/<int:copy_id>/download")
@requires(RUN)
def link(copy_id: int) -> ResponseReturnValue:
    """Make the link: for this person, this dump and two minutes."""
    copy = _find(copy_id)
    dumps.stored_of(copy)
    return redirect(url_for("dumps.hand_out", token=_signer().dumps([copy.id, _person()])))


@pages.get("/database/backups/copies/fetch/<token>")
@requires(RUN)
def hand_out(token: str) -> ResponseReturnValue:
    """Send the dump; who took which one stays in the log of operations."""
    copy = _find(_read(token))
    stored = dumps.stored_of(copy)
    stream = place_of(get_settings()).open(stored.key)
    record_operation(
        "backup_copy.download",
        stored.key,
        tenant=copy.subject if copy.kind == CopyKind.TENANT else None,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
    )
    answer = Response(_chunks(stream), mimetype="application/octet-stream")
    answer.call_on_close(stream.close)
    answer.content_length = stored.size_bytes
    answer.cache_control.no_store = True
    return protect(answer, stored.key.rpartition("/")[2])


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def _read(token: str) -> int:
    fix = "Go back to the copies and ask for the dump again."
    try:
        copy_id, person = _signer().loads(token, max_age=LINK_SECONDS)
    except SignatureExpired as error:
        raise ForbiddenError("This link to a dump has expired.", fix=fix) from error
    except (BadSignature, ValueError) as error:
        raise ForbiddenError("This link to a dump is not valid.", fix=fix) from error
    if person != _person():
        raise ForbiddenError("This link to a dump was made for somebody else.", fix=fix)
    return int(copy_id)


def _find(copy_id: int) -> BackupCopy:
    copy = db.session.get(BackupCopy, copy_id)
    if copy is None or copy.kind not in (*DUMPS, CopyKind.BROKER):
        raise NotFoundError("There is no such copy.")
    return copy


def _person() -> str:
    email: str = current_user.email  # type: ignore[attr-defined]
    return email


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt=SALT)
