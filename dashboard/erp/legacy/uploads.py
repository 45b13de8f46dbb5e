"""Keeps uploaded files: per tenant, under random names, readable by us alone, for a day."""

import re
import secrets
import time
from pathlib import Path

from werkzeug.datastructures import FileStorage

from dashboard.core.config import get_settings
from dashboard.core.errors import InvalidInputError, NotFoundError
from dashboard.erp.legacy.reading import MAX_BYTES
from dashboard.tenancy.models import TenantRef

KEPT_SECONDS = 24 * 3600
_NAME = re.compile(r"[0-9a-f]{32}")
_CHUNK = 64 * 1024


def keep(tenant: TenantRef, upload: FileStorage | None) -> str:
    """Store an upload and return its random name. Raises InvalidInputError for none, or too large a one."""
    if upload is None or not upload.filename:
        raise InvalidInputError("Choose a file first.", fields={"file": "Choose a file."})
    folder = _folder(tenant)
    _forget_old(folder)
    name = secrets.token_hex(16)
    path = folder / name
    try:
        _copy(upload, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return name


def _copy(upload: FileStorage, path: Path) -> None:
    size = 0
    path.touch(mode=0o600)
    with path.open("wb") as target:
        while chunk := upload.stream.read(_CHUNK):
            size += len(chunk)
            if size > MAX_BYTES:
                message = f"The file is larger than {MAX_BYTES // 1024**2} MB."
                raise InvalidInputError(message, fields={"file": message})
            target.write(chunk)


def find(tenant: TenantRef, name: str) -> Path:
    """Return where an upload of this tenant is. Raises NotFoundError."""
    path = _folder(tenant) / name
    if not _NAME.fullmatch(name) or not path.is_file():
        raise NotFoundError("The uploaded file is no longer here; upload it again.")
    return path


def discard(tenant: TenantRef, name: str) -> None:
    """Delete an upload that will not be imported."""
    find(tenant, name).unlink(missing_ok=True)


def _folder(tenant: TenantRef) -> Path:
    folder = get_settings().home / "uploads" / tenant.schema
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _forget_old(folder: Path) -> None:
    limit = time.time() - KEPT_SECONDS
    for path in folder.iterdir():
        if path.stat().st_mtime < limit:
            path.unlink(missing_ok=True)
