"""Static files: addresses by content, icons that exist, pages that a strict policy lets through."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from dashboard.core import assets
from dashboard.core.statuses import LOOKS, NEUTRAL

ROOT = assets.STATIC.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((assets.STATIC / "js").glob("*.js"))
SHEETS = sorted((assets.STATIC / "css").glob("*.css"))


@pytest.fixture
def static_app(tmp_path: Path) -> Iterator[Flask]:
    app = Flask(__name__, static_folder=str(tmp_path), static_url_path="/static")
    assets.init_app(app)
    (tmp_path / "a.css").write_text("a{}")
    with app.test_request_context("/"):
        yield app


def test_an_address_changes_with_the_content(static_app: Flask, tmp_path: Path) -> None:
    before = assets.asset("a.css")
    (tmp_path / "a.css").write_text("a{color:red}")
    assert assets.asset("a.css") != before
    assert before.startswith("/static/a.css?v=")


def test_a_missing_file_has_an_address_that_says_so(static_app: Flask) -> None:
    assert assets.asset("b.css").endswith("v=missing")


def test_browsers_keep_static_files_for_a_year(static_app: Flask) -> None:
    with static_app.test_client().get("/static/a.css?v=1") as answer:
        assert f"max-age={assets.ONE_YEAR_SECONDS}" in answer.headers["Cache-Control"]


def test_an_icon_without_a_label_is_hidden_from_screen_readers() -> None:
    assert 'aria-hidden="true"' in assets.icon("copy")
    assert 'role="img" aria-label="a &amp; b"' in assets.icon("copy", "a & b")


def test_an_unknown_icon_is_a_point_and_no_error() -> None:
    assert assets.icon_names()["point"] in assets.icon("no-such-icon")


def test_without_built_assets_pages_still_come_without_icons(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(assets, "ICONS", tmp_path / "icons.json")
    assets.icon_names.cache_clear()
    try:
        assert assets.icon_names() == {}
    finally:
        assets.icon_names.cache_clear()


def test_every_icon_named_in_templates_and_code_exists() -> None:
    used = {look.icon for look in (*LOOKS.values(), NEUTRAL)}
    for path in (*TEMPLATES, *(ROOT / "dashboard").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        used |= set(re.findall(r"""\bicon(?:_name)?\s*[(=]\s*["']([a-z0-9-]+)["']""", text))
    assert used - set(assets.icon_names()) == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_templates_hold_no_inline_style_script_or_handler(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle\s*=", text), "the policy refuses style attributes: use a class"
    assert not re.search(r"<style\b", text), "the policy refuses style elements: use static/css"
    assert not re.search(r"""\son[a-z]+\s*=\s*["']""", text), "the policy refuses handlers: use static/js"
    for tag in re.findall(r"<script\b[^>]*>", text):
        assert "nonce=" in tag, f"{tag} has no nonce"


@pytest.mark.parametrize("path", SHEETS + SCRIPTS, ids=lambda path: path.name)
def test_our_sheets_and_scripts_ask_no_other_host(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"https?://|url\(\s*[\"']?//", text)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_our_scripts_stay_short_and_write_no_style_attributes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250
    assert 'setAttribute("style"' not in text
    assert "eval(" not in text
