"""A supplier to attach files to, stores on disk and on a real S3 server, small real files, and browsers."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy.orm import Session

from dashboard.files.models import Attachment
from dashboard.files.setup import EXTENSION, Setup
from dashboard.files.store import FileStore
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests.factories import SupplierFactory
from tests.files.s3_server import BUCKET, S3Server, running_s3

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj <<>> endobj\ntrailer <<>>\n%%EOF\n"
Configure = Callable[..., Setup]


def picture(kind: str = "PNG", size: tuple[int, int] = (800, 400), colour: str = "teal") -> bytes:
    """Bytes of a real image."""
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, kind)
    return target.getvalue()


@pytest.fixture
def configure(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Change what the deployment decides about files."""

    def change(**values: Any) -> Setup:
        changed: Setup = replace(app.extensions[EXTENSION], **values)
        monkeypatch.setitem(app.extensions, EXTENSION, changed)
        return changed

    return change


@pytest.fixture
def disk(configure: Configure, tmp_path: Path) -> FileStore:
    """A store of the test's own, on disk."""
    return configure(store=FileStore((tmp_path / "files").as_uri())).store


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server in a process of its own."""
    with running_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(params=["disk", "s3"])
def store(request: pytest.FixtureRequest, configure: Configure, tmp_path: Path) -> FileStore:
    """Each kind of store in turn; the same test must hold for both."""
    if request.param == "disk":
        return configure(store=FileStore((tmp_path / "files").as_uri())).store
    server: S3Server = request.getfixturevalue("s3_server")
    place = f"s3://{BUCKET}/{tmp_path.name}"
    return configure(store=FileStore(place, server.options())).store


@pytest.fixture
def supplier(acme: TenantRef) -> int:
    """Number of a stored supplier of acme."""
    with use_tenant(acme, actor="maker@example.com") as session:
        made = SupplierFactory()
        session.commit()
        return int(made.id)


@pytest.fixture
def staff(login: Callable[..., FlaskClient]) -> FlaskClient:
    """A browser of someone with the role staff in acme."""
    return login("staff", tenant="acme")


@pytest.fixture
def rows(acme: TenantRef) -> Callable[[], list[Attachment]]:
    """Read all attachments of acme, in the order they came."""

    def read() -> list[Attachment]:
        with use_tenant(acme, actor="reader@example.com") as session:
            return _all(session)

    return read


def _all(session: Session) -> list[Attachment]:
    found = session.query(Attachment).order_by(Attachment.id).all()
    session.expunge_all()
    return found
