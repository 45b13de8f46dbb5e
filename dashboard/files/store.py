"""Owns the store of bytes: one folder or bucket of any kind fsspec knows, named by one URL."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

import structlog
from fsspec.core import url_to_fs

from dashboard.core.errors import UnavailableError

log = structlog.get_logger()
CHUNK = 256 * 1024
# A store that hangs must not hang the page for minutes.
S3_PATIENCE = {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 2}}
PROBE_FOLDER = ".steward-check"


class StoreError(UnavailableError):
    """The store refused or did not answer."""


class MissingObjectError(StoreError):
    """The store answers, but has nothing under this key."""


@dataclass(frozen=True)
class StoredObject:
    """What lies in the store: its key, size in bytes, when it was written."""

    key: str
    size: int
    modified: datetime


class FileStore:
    """Bytes under keys such as `tenant_acme/3f/3f9c…`. Errors are StoreErrors that say what to do."""

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        self.url = url
        self.options = dict(options or {})

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""
        return "://" not in self.url or self.url.startswith("file://")

    @cached_property
    def _place(self) -> tuple[Any, str]:
        driver, path = url_to_fs(self.url, **self._driver_options())  # type: ignore[no-untyped-call]
        if self.is_local:
            Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)
        return driver, str(path)

    def _driver_options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"auto_mkdir": True} if self.is_local else {"use_listings_cache": False}
        if self.url.startswith(("s3://", "s3a://")):
            options["config_kwargs"] = S3_PATIENCE | self.options.get("config_kwargs", {})
        return {**self.options, **options}

    @property
    def _fs(self) -> Any:
        return self._place[0]

    def _path(self, key: str) -> str:
        parts = PurePosixPath(key).parts
        if not parts or ".." in parts or key.startswith("/"):
            raise MissingObjectError("file store", f"{key!r} is no key of the file store.")
        return f"{self._place[1].rstrip('/')}/{key}"

    def put(self, key: str, stream: BinaryIO) -> None:
        """Write a stream; a failed write leaves nothing, or an orphan that the clean-up removes."""
        with self._explained("write"), self._fs.open(self._path(key), "wb") as target:
            while chunk := stream.read(CHUNK):
                target.write(chunk)

    def open(self, key: str) -> BinaryIO:
        """Open an object for reading. Raises MissingObjectError."""
        with self._explained("read"):
            return cast("BinaryIO", self._fs.open(self._path(key), "rb"))

    def exists(self, key: str) -> bool:
        """Whether there is an object under the key."""
        with self._explained("look"):
            return bool(self._fs.exists(self._path(key)))

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone already is fine."""
        with self._explained("delete"):
            try:
                self._fs.rm_file(self._path(key))
            except FileNotFoundError:
                return

    def folders(self, key: str) -> list[str]:
        """Keys of the folders in a folder, by name."""
        return sorted(f"{key}/{_name(info)}" for info in self._list(key) if info["type"] == "directory")

    def objects(self, key: str) -> Iterator[StoredObject]:
        """The objects of one folder."""
        for info in self._list(key):
            if info["type"] != "directory":
                yield StoredObject(f"{key}/{_name(info)}", int(info["size"] or 0), _modified(info))

    def _list(self, key: str) -> list[Any]:
        with self._explained("list"):
            try:
                return list(self._fs.ls(self._path(key), detail=True, **self._fresh()))
            except FileNotFoundError:
                return []

    def _fresh(self) -> dict[str, bool]:
        return {} if self.is_local else {"refresh": True}

    def check(self) -> None:
        """Write, read and delete a small object. Raises StoreError with what to do."""
        key = f"{PROBE_FOLDER}/{secrets.token_hex(8)}"
        word = secrets.token_bytes(16)
        with self._explained("write"):
            self._fs.pipe_file(self._probe_path(key), word)
        with self._explained("read"):
            if self._fs.cat_file(self._path(key)) != word:
                raise StoreError("file store", "The file store gave back other bytes than were written.")
        self.delete(key)

    def _probe_path(self, key: str) -> str:
        path = self._path(key)
        if self.is_local:  # `pipe_file` makes no folders
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        return path

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        """Turn whatever a driver raises into one kind of error; nothing of the credentials is in it."""
        try:
            yield
        except (StoreError, GeneratorExit):
            raise
        except FileNotFoundError as error:
            raise _missing(doing) from error
        except Exception as error:  # every driver raises errors of its own client library
            log.warning("file_store_failed", doing=doing, kind=type(error).__name__, error=str(error)[:300])
            raise _explain(error) from error


def _missing(doing: str) -> StoreError:
    if doing == "write":
        return StoreError(
            "file store",
            "The bucket or folder of the file store does not exist.",
            fix="Make it, or correct STEWARD_FILES_URL.",
        )
    return MissingObjectError(
        "file store", "The file is not in the store.", fix="Restore it from the backup of the files."
    )


def _explain(error: Exception) -> StoreError:
    words = f"{type(error).__name__}: {error}"
    if isinstance(error, ImportError):
        return StoreError(
            "file store", "The driver of the file store is not installed.", fix=f"Install it: {error}"
        )
    refusals = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "Forbidden", "AccessDenied", "NoCredentials")
    if isinstance(error, PermissionError) or any(word in words for word in refusals):
        return StoreError(
            "file store",
            "The file store refuses Steward's credentials.",
            fix="Correct key and secret in STEWARD_FILES_OPTIONS, or their rights to the bucket or folder.",
        )
    if isinstance(error, OSError) and error.errno == 28:
        return StoreError("file store", "The file store is full.", fix="Make room, then try again.")
    return StoreError(
        "file store",
        "The file store does not answer.",
        fix="Nothing was saved. Check STEWARD_FILES_URL and that its server runs; then try again.",
    )


def _name(info: Mapping[str, Any]) -> str:
    return str(info["name"]).rstrip("/").rpartition("/")[2]


def _modified(info: Mapping[str, Any]) -> datetime:
    """When an object was written; each driver has its own word. Unknown counts as just now: it is kept."""
    for word in ("LastModified", "mtime", "last_modified", "updated"):
        value = info.get(word)
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str):
            return datetime.fromisoformat(value)
    return datetime.now(UTC)
