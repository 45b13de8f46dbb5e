"""Addresses of static files with their content hash, and icons by name."""

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path

from flask import Flask, current_app, url_for
from markupsafe import Markup, escape

ONE_YEAR_SECONDS = 31_536_000
STATIC = Path(__file__).resolve().parents[2] / "static"
ICONS = STATIC / "vendor" / "icons.json"


def asset(name: str) -> str:
    """Address of a static file; it changes with the content, so that browsers may keep it for a year."""
    folder = current_app.static_folder or str(STATIC)
    return _address(name, _hash(folder, name))


@lru_cache(maxsize=1024)
def _address(name: str, version: str) -> str:
    """Addresses are the same for everyone; a page asks for dozens."""
    return url_for("static", filename=name, v=version)


@lru_cache(maxsize=256)
def _stamp_hash(path: str, _modified_ns: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]


def _hash(folder: str, name: str) -> str:
    path = f"{folder}/{name}"  # plain text: a page asks for dozens, and pathlib is slow at that
    try:
        return _stamp_hash(path, os.stat(path).st_mtime_ns)  # noqa: PTH116
    except OSError:
        return "missing"


@lru_cache(maxsize=1)
def icon_names() -> dict[str, str]:
    """Every icon as name → inner SVG; an empty dict when `make static/vendor/.built` has not run."""
    if not ICONS.is_file():
        return {}
    icons: dict[str, str] = json.loads(ICONS.read_text(encoding="utf-8"))
    return icons


@lru_cache(maxsize=512)
def icon(name: str, label: str = "") -> Markup:
    """Inline SVG of a Tabler icon. Without a label it is decoration, hidden from screen readers."""
    inner = icon_names().get(name) or icon_names().get("point", "")
    meaning = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    # Names and paths come from the icon package of this build, never from a request.
    return Markup(  # noqa: S704
        f'<svg class="icon" width="20" height="20" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
        f'stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" {meaning}>{inner}</svg>'
    )


def init_app(app: Flask) -> None:
    """Offer `asset()` and `icon()` to templates and let browsers keep static files."""
    app.config.setdefault("SEND_FILE_MAX_AGE_DEFAULT", ONE_YEAR_SECONDS)
    if app.config["SEND_FILE_MAX_AGE_DEFAULT"] is None:
        app.config["SEND_FILE_MAX_AGE_DEFAULT"] = ONE_YEAR_SECONDS
    app.jinja_env.globals.update(asset=asset, icon=icon)
