"""Owns what the deployment decides about files: the store, limits, allowed types, scanner, nginx."""

from dataclasses import dataclass

from flask import Flask, current_app

from dashboard.core.config import Settings
from dashboard.files.kinds import DEFAULT_TYPES
from dashboard.files.store import FileStore

EXTENSION = "steward_files"
FORM_BYTES = 2 * 1024**2
"""What the rest of an upload's form may take, in bytes."""


@dataclass(frozen=True)
class Setup:
    """`max_bytes` is the largest file, `link_seconds` the life of a download link."""

    store: FileStore
    max_bytes: int
    types: frozenset[str]
    clamd: str
    accel: str
    link_seconds: int


def init_app(app: Flask, settings: Settings) -> None:
    """Remember the settings; nothing connects yet."""
    chosen = [word.strip().lower() for word in settings.files_types.split(",") if word.strip()]
    local = (settings.home / "files").resolve().as_uri()
    app.extensions[EXTENSION] = Setup(
        store=FileStore(settings.files_url or local, settings.files_options),
        max_bytes=settings.files_max_bytes,
        types=frozenset(chosen or DEFAULT_TYPES),
        clamd=settings.clamd,
        accel=settings.files_accel.rstrip("/"),
        link_seconds=settings.files_link_seconds,
    )
    largest = app.config["MAX_CONTENT_LENGTH"] or 0
    app.config["MAX_CONTENT_LENGTH"] = max(largest, settings.files_max_bytes + FORM_BYTES)


def current_setup() -> Setup:
    """The settings of the running app."""
    found: Setup = current_app.extensions[EXTENSION]
    return found


def check_store() -> None:
    """For readiness: raises StoreError when files cannot be kept."""
    current_setup().store.check()
