"""A product to release: the session's app served on a port, with a worker's sign of life."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Thread

import pytest
from flask import Flask
from rq import Worker
from sqlalchemy import delete, insert, text
from werkzeug.serving import make_server

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.health.redis_probes import redis_client
from dashboard.jobs.store import control_transaction
from dashboard.release.running import release
from dashboard.release.wishes import Done, ReleaseStoppedError, Wishes
from dashboard.schema_migrations.models import SchemaHead, SchemaKind
from dashboard.tenancy import queries as tenancy

BEFORE_INSIGHTS = "0007"


@pytest.fixture(scope="package")
def url(app: Flask, settings: Settings) -> Iterator[str]:
    """Where the product answers."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    client = redis_client(settings.broker_url)
    worker = Worker(["probes"], connection=client)
    worker.register_birth()
    yield f"http://127.0.0.1:{server.server_port}"
    worker.register_death()
    client.close()
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Releasing:
    """Releases the session's app and hears what is said."""

    settings: Settings
    url: str
    lines: list[str] = field(default_factory=list)

    def run(self, **wishes: object) -> Done:
        """Release; nothing is restarted unless asked for."""
        chosen = {"actor": "dba@example.com", "restarts": False, "base_url": self.url} | wishes
        return release(self.settings, Wishes(**chosen), self.lines.append)  # type: ignore[arg-type]

    def stopped(self, **wishes: object) -> ReleaseStoppedError:
        """Release and return why it stopped."""
        with pytest.raises(ReleaseStoppedError) as caught:
            self.run(**wishes)
        return caught.value

    @property
    def said(self) -> str:
        """All that was said."""
        return "\n".join(self.lines)


@pytest.fixture
def releasing(app: Flask, settings: Settings, url: str) -> Iterator[Releasing]:
    """A release of the session's app; what it wrote is removed afterwards."""
    with app.app_context():
        yield Releasing(settings, url)
        db.session.remove()
        with db.engines["owner"].begin() as connection:
            connection.execute(text("DELETE FROM public.fleet_task"))
            connection.execute(text("DELETE FROM public.maintenance"))
        with control_transaction() as session:
            session.execute(text("DELETE FROM fleet_run"))
            session.execute(text("DELETE FROM fleet_plan"))
            session.execute(text("DELETE FROM reading"))
        tenancy.forget()


@pytest.fixture
def behind(app: Flask, releasing: Releasing) -> Iterator[str]:
    """Say that acme stands before the tables of insights, which it has; return the head, where it is."""
    head = "SELECT revision FROM public.schema_head WHERE schema_name = 'tenant_acme'"
    with db.engines["owner"].begin() as connection:
        at = str(connection.scalar(text(head)))
        say_that_acme_stands_at(BEFORE_INSIGHTS)
    yield at
    say_that_acme_stands_at(at)


@pytest.fixture
def newer_spare(app: Flask, releasing: Releasing) -> Iterator[str]:
    """A spare that the next release has made already."""
    name = "spare_of_tomorrow"
    with db.engines["owner"].begin() as connection:
        row = {"schema_name": name, "kind": SchemaKind.SPARE, "revision": "of the next release"}
        connection.execute(insert(SchemaHead).values(row))
    yield name
    with db.engines["owner"].begin() as connection:
        connection.execute(delete(SchemaHead).where(SchemaHead.schema_name == name))


def say_that_acme_stands_at(revision: str) -> None:
    """Write a revision into the ledger and the schema of acme, whose tables stay as they are."""
    with db.engines["owner"].begin() as connection:
        for table in ("public.schema_head SET revision", "tenant_acme.alembic_version SET version_num"):
            where = " WHERE schema_name = 'tenant_acme'" if "head" in table else ""
            connection.execute(text(f"UPDATE {table} = :revision{where}"), {"revision": revision})
