"""Owns where copies are kept: a folder or bucket of its own, where nothing half written is ever found."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from dashboard.core.config import Settings
from dashboard.files.store import FileStore, MissingObjectError, StoreError

FOLDER = "copies"
UNFINISHED = ".part"


class CopyPlace(FileStore):
    """The store of copies; its errors name its own settings."""

    def put_whole(self, key: str, stream: BinaryIO) -> None:
        """Write under a temporary name, then rename: a broken-off write is never taken for a copy."""
        part = f"{key}{UNFINISHED}"
        self.put(part, stream)
        with self._explained("write"):
            if self.is_local:
                _to_disk(Path(self._path(part)))
            self._fs.mv(self._path(part), self._path(key))

    def put_file(self, key: str, path: Path) -> str:
        """Write a file and return where it lies, as people read it."""
        with path.open("rb") as stream:
            self.put_whole(key, stream)
        return self.where(key)

    def where(self, key: str) -> str:
        """Return the address of an object."""
        return f"{self.url.rstrip('/').removeprefix('file://')}/{key}"

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            with super()._explained(doing):
                yield
        except StoreError as error:
            message = error.message.replace("file store", "store of copies")
            fix = error.fix.replace("STEWARD_FILES", "STEWARD_COPIES")
            raise type(error)("store of copies", message, fix=fix) from error


def place_of(settings: Settings) -> CopyPlace:
    """Return where this deployment keeps its copies."""
    local = (settings.home / FOLDER).resolve().as_uri()
    return CopyPlace(settings.copies_url or local, settings.copies_options)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fchmod(descriptor, 0o600)  # sealed prices are inside, whatever folder was chosen
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


__all__ = ["CopyPlace", "MissingObjectError", "StoreError", "place_of"]
