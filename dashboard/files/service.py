"""Adds, replaces, removes and opens files of records. The caller commits."""

import hashlib
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, BinaryIO, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError
from dashboard.core.filters import bytes_
from dashboard.files import guards, queries
from dashboard.files.guards import add_guard
from dashboard.files.kinds import check_kind
from dashboard.files.models import Attachment
from dashboard.files.naming import clean_name, new_key
from dashboard.files.queries import list_files
from dashboard.files.scanning import scan
from dashboard.files.setup import Setup, current_setup
from dashboard.tenancy.scope import bound_tenant

__all__ = ["add_guard", "delete", "list_files", "open_file", "replace", "restore", "store"]
CHUNK = 256 * 1024
IN_MEMORY = 1024**2
"""Bytes of an upload kept in memory; more goes to a temporary file."""


@dataclass(frozen=True)
class _Intake:
    """A checked upload, on its way to the store."""

    stream: BinaryIO
    size: int
    sha256: str


def store(
    session: Session,
    entity: str,
    record_id: int,
    file_name: str,
    stream: IO[bytes],
    *,
    from_supplier: bool = False,
    replaces: Attachment | None = None,
) -> Attachment:
    """Check a file, write its bytes to the store, then add its row to the session's transaction.

    Should the transaction fail, the bytes stay behind until the clean-up removes them. Raises
    InvalidInputError (empty, too large, a type that is not accepted, infected), UnavailableError (store or
    scanner away).
    """
    setup = current_setup()
    name = clean_name(file_name)
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as spool:
        intake = _take_in(name, stream, cast("BinaryIO", spool), setup.max_bytes)
        name, kind = check_kind(name, intake.stream, setup.types)
        scanned = scan(setup.clamd, intake.stream, name)
        row = Attachment(
            entity=entity,
            record_id=record_id,
            file_name=name,
            content_type=kind,
            size=intake.size,
            sha256=intake.sha256,
            storage_key=_keep(session, setup, intake),
            revision=replaces.revision + 1 if replaces else 1,
            replaces_id=replaces.id if replaces else None,
            scan=scanned,
            scanned_at=None if scanned == "not_scanned" else datetime.now(UTC),
            from_supplier=from_supplier,
        )
    session.add(row)
    session.flush()
    return row


def _take_in(name: str, stream: IO[bytes], spool: BinaryIO, limit: int) -> _Intake:
    """Copy the upload aside while counting and hashing; what a header claims about its size is not read."""
    size, digest = 0, hashlib.sha256()
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        if size > limit:
            raise InvalidInputError(
                f"“{name}” was not kept: it is larger than {bytes_(limit)}.",
                fix="Make it smaller, or split it; an administrator can raise STEWARD_FILES_MAX_BYTES.",
            )
        digest.update(chunk)
        spool.write(chunk)
    if not size:
        raise InvalidInputError(f"“{name}” was not kept: it is empty.", fix="Choose the file again.")
    spool.seek(0)
    return _Intake(spool, size, digest.hexdigest())


def _keep(session: Session, setup: Setup, intake: _Intake) -> str:
    key = new_key(bound_tenant(session).schema)
    setup.store.put(key, intake.stream)
    return key


def replace(
    session: Session,
    attachment: Attachment,
    file_name: str,
    stream: IO[bytes],
    *,
    from_supplier: bool = False,
) -> Attachment:
    """Add a newer version. Raises ConflictError where there is one already, or the file is deleted."""
    current = session.get(Attachment, attachment.id, with_for_update=True, populate_existing=True)
    if current is None or current.deleted_at:
        raise ConflictError(
            f"“{attachment.file_name}” was deleted.", fix="Restore it first, then add a version."
        )
    if session.scalar(select(Attachment.id).where(Attachment.replaces_id == current.id)):
        raise ConflictError(
            f"There is a newer version of “{current.file_name}” already.",
            fix="Reload the page and look at it.",
        )
    return store(
        session,
        current.entity,
        current.record_id,
        file_name,
        stream,
        from_supplier=from_supplier,
        replaces=current,
    )


def delete(session: Session, attachment: Attachment) -> None:
    """Mark a file as deleted; its bytes stay, so that it can be restored."""
    if attachment.deleted_at:
        raise ConflictError(f"“{attachment.file_name}” is deleted already.")
    attachment.deleted_at = func.clock_timestamp()
    session.flush()


def restore(session: Session, attachment: Attachment) -> None:
    """Bring a deleted file back."""
    if not attachment.deleted_at:
        raise ConflictError(f"“{attachment.file_name}” is not deleted.")
    attachment.deleted_at = None
    session.flush()


def get_file(session: Session, attachment_id: int, *, guarded: bool = True) -> Attachment:
    """Return one version of a file. Raises NotFoundError, and ForbiddenError while a guard hides it."""
    found = queries.find(session, attachment_id)
    if found is None:
        raise NotFoundError("There is no such file.")
    if guarded:
        guards.demand_visible(session, found.entity, found.record_id)
    return found


def open_file(session: Session, attachment: Attachment, *, guarded: bool = True) -> BinaryIO:
    """Open the bytes of a file; the caller closes them.

    Raises ForbiddenError while a guard hides it (a supplier's own page asks with `guarded=False`),
    NotFoundError for bytes of another tenant, MissingObjectError and StoreError where the store lacks them
    or is away.
    """
    if guarded:
        guards.demand_visible(session, attachment.entity, attachment.record_id)
    demand_own(session, attachment)
    return current_setup().store.open(attachment.storage_key)


def demand_own(session: Session, attachment: Attachment) -> None:
    """Refuse a row that points outside its tenant's part of the store; no page can make one."""
    if not attachment.storage_key.startswith(f"{bound_tenant(session).schema}/"):
        raise NotFoundError("There is no such file.")


def read_file(session: Session, attachment: Attachment, *, guarded: bool = True) -> bytes:
    """All bytes of a file, for mails and documents."""
    with closing(open_file(session, attachment, guarded=guarded)) as stream:
        return stream.read()
