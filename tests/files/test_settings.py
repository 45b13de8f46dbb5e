"""What a deployment decides about files: from the environment, checked at start, ready or not."""

import json
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.core.config import ConfigurationError, Settings, load_settings
from dashboard.files import setup
from dashboard.files.kinds import DEFAULT_TYPES
from dashboard.files.store import FileStore
from tests.files.conftest import Configure

OPTIONS = {"endpoint_url": "http://s3.example.com", "key": "k", "secret": "very secret"}


def applied(settings: Settings) -> setup.Setup:
    """What the feature makes of the settings."""
    app = Flask("x")
    app.config["MAX_CONTENT_LENGTH"] = 1024
    setup.init_app(app, settings)
    assert app.config["MAX_CONTENT_LENGTH"] > settings.files_max_bytes
    made: setup.Setup = app.extensions[setup.EXTENSION]
    return made


def test_without_settings_files_lie_in_the_home(settings: Settings) -> None:
    made = applied(settings)
    assert made.store.url == (settings.home / "files").resolve().as_uri()
    assert made.store.is_local
    assert (made.max_bytes, made.types, made.clamd) == (10 * 1024**2, DEFAULT_TYPES, "")


def test_a_bucket_by_configuration_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEWARD_FILES_URL", "s3://bucket/prefix")
    monkeypatch.setenv("STEWARD_FILES_OPTIONS", json.dumps(OPTIONS))
    monkeypatch.setenv("STEWARD_FILES_TYPES", "application/pdf, image/PNG")
    monkeypatch.setenv("STEWARD_CLAMD", "tcp://scanner:3310")
    loaded = load_settings()
    made = applied(loaded)
    assert (made.store.url, made.store.options) == ("s3://bucket/prefix", OPTIONS)
    assert not made.store.is_local
    assert made.types == {"application/pdf", "image/png"}
    assert "very secret" not in repr(loaded)


def test_options_are_read_from_a_secret_file(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "options").write_text(json.dumps(OPTIONS))
    monkeypatch.setenv("STEWARD_FILES_OPTIONS_FILE", str(tmp_path / "options"))
    assert load_settings().files_options == OPTIONS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STEWARD_FILES_OPTIONS", "{not json"),
        ("STEWARD_FILES_OPTIONS", "[1]"),
        ("STEWARD_FILES_MAX_BYTES", "0"),
        ("STEWARD_FILES_LINK_SECONDS", "0"),
        ("STEWARD_CLAMD", "localhost:3310"),
        ("STEWARD_FILES_ACCEL", "protected"),
    ],
)
def test_a_wrong_setting_is_named_at_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        load_settings()


def test_readiness_says_when_files_cannot_be_kept(
    client: FlaskClient, configure: Configure, disk: FileStore, tmp_path: Path
) -> None:
    assert "file store" not in client.get("/readyz").text
    (tmp_path / "in-the-way").write_text("")
    configure(store=FileStore((tmp_path / "in-the-way").as_uri()))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "file store" in answer.text
