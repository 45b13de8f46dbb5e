"""Where reports are read: which standby the readings speak for, and what speaks against it."""

from typing import Any

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import make_url, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from dashboard.core.config import Member, Settings
from dashboard.core.db import db
from dashboard.health.service import store_reading
from dashboard.records import export
from dashboard.replication import reading, service
from dashboard.replication.reading import Place
from dashboard.replication.standby_sessions import address
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests.cluster import Cluster, wait_until

READERS = TenantRef(999, "readers", "Readers", "tenant_readers", "tenant_readers", "#000000", "active")


def standby(name: str = "az-b", **changes: Any) -> dict[str, Any]:
    row = {"name": name, "region": "home", "state": "streaming", "level": "ok", "answers": True}
    return row | {"replay_seconds": 0.2, "replay_bytes": 10} | changes


def chosen(*rows: dict[str, Any], age: float | None = 5, most: float = 5) -> Place:
    return reading.choose({"region": "home", "standbys": list(rows)}, age, most)


def test_of_healthy_standbys_the_one_least_behind_in_the_primarys_region_is_read() -> None:
    rows = [standby("far", region="far", replay_seconds=0.0), standby("az-c", replay_seconds=1.0), standby()]
    assert chosen(*rows) == Place("az-b", 0.2)
    assert chosen(rows[0]) == Place("far", 0.0)


@pytest.mark.parametrize(
    "changes",
    [{"state": "paused"}, {"state": "cut_off"}, {"level": "warning"}, {"answers": False}],
    ids=["paused", "cut-off", "warned-of", "silent"],
)
def test_standby_that_is_not_well_is_not_read(changes: dict[str, Any]) -> None:
    assert chosen(standby(**changes)) == Place(reason="no standby is healthy")


def test_standby_too_far_behind_is_not_read() -> None:
    assert chosen(standby(replay_seconds=6.0)).reason == "no standby is within 5 s"
    assert chosen(standby(replay_seconds=6.0), most=10).name == "az-b"


def test_idle_standby_is_up_to_date_only_when_it_holds_nearly_all() -> None:
    assert chosen(standby(replay_seconds=None)).words == "read from az-b, up to date"
    assert not chosen(standby(replay_seconds=None, replay_bytes=2**20)).name
    assert not chosen(standby(replay_seconds=None, replay_bytes=None)).name


@pytest.mark.parametrize("age", [None, 31], ids=["never", "old"])
def test_old_readings_lead_to_the_primary(age: float | None) -> None:
    assert chosen(standby(), age=age).words == (
        "read from the primary: replication has not been read for a while"
    )


def test_place_is_told_in_words() -> None:
    assert Place("az-b", 0.21).words == "read from az-b, 0.2 s behind"
    assert Place().words == "read from the primary"


def test_address_is_the_applications_login_at_the_standby(settings: Settings) -> None:
    several = (
        "postgresql+psycopg2://app:secret@/erp?host=a,b&port=1,2&target_session_attrs=primary&sslmode=require"
    )
    member = Member(name="b", zone="b", region="r", mode="sync", url="postgresql://monitor:x@b:2/erp")
    found = address(settings.model_copy(update={"database_url": several}), member)
    assert found == make_url("postgresql+psycopg2://app:secret@b:2/erp?sslmode=require")


def as_its_own_standby(settings: Settings, port: int | None = None) -> Settings:
    url = make_url(settings.database_monitor_url)
    url = url.set(port=port) if port else url
    here = Member(
        name="az-b", zone="b", region="home", mode="sync", url=url.render_as_string(hide_password=False)
    )
    return settings.model_copy(update={"standbys": (here,)})


def pretend(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(reading, "get_settings", lambda: settings)
    reading.forget()
    store_reading(service.READING, {"region": "home", "standbys": [standby()]}, every=10)


@pytest.mark.parametrize(
    ("port", "reason"), [(None, "az-b is a standby no more"), (1, "az-b refuses")], ids=["promoted", "away"]
)
def test_standby_that_was_promoted_or_went_away_leaves_it_to_the_primary(
    app: Flask,
    acme: TenantRef,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    port: int | None,
    reason: str,
) -> None:
    pretend(monkeypatch, as_its_own_standby(settings, port))
    with reading.reading_session(acme) as session:
        assert reading.place_of(session).words == f"read from the primary: {reason}"
        assert session.scalar(text("SELECT current_schema()")) == acme.schema
    assert reading.current_place().reason == reason, "it is left alone for a while"
    reading.forget()


def test_request_reads_the_primary_through_its_own_session(app: Flask, acme: TenantRef) -> None:
    with use_tenant(acme, actor="x") as own, reading.reading_session(acme) as session:
        assert session is own


def test_readings_can_be_bound_to_the_primary(
    app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, as_its_own_standby(settings))
    monkeypatch.setattr(reading, "value", lambda _key: "primary")
    assert reading.current_place().words == "read from the primary: so it is set"
    reading.forget()


@pytest.fixture
def readers(whole_cluster: Cluster, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A tenant with one row on the cluster; the settings the module under test sees are the cluster's."""
    for statement in (
        "CREATE ROLE tenant_readers NOLOGIN",
        "GRANT tenant_readers TO steward_app",
        "CREATE SCHEMA tenant_readers",
        "GRANT USAGE ON SCHEMA tenant_readers TO tenant_readers",
        "CREATE TABLE tenant_readers.note AS SELECT 1 AS id",
        "GRANT SELECT, INSERT ON tenant_readers.note TO tenant_readers",
    ):
        whole_cluster.sql(statement)
    url = whole_cluster.layout.erp_urls()["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg2:")
    observed = whole_cluster.settings(settings).model_copy(update={"database_url": url})
    monkeypatch.setattr(reading, "get_settings", lambda: observed)
    monkeypatch.setattr(reading, "_written", lambda: whole_cluster.sql("SELECT pg_current_wal_lsn()::text"))
    reading.forget()
    yield observed
    reading.forget()
    for statement in ("DROP SCHEMA tenant_readers CASCADE", "DROP ROLE tenant_readers"):
        whole_cluster.sql(statement)


def is_chosen(observed: Settings) -> bool:
    service.refresh(observed)
    reading.forget()
    return reading.current_place().name == "az-b"


@pytest.mark.slow
@pytest.mark.xdist_group("cluster")
def test_standby_is_read_as_the_tenant_and_only_read_and_holds_what_was_written_before(
    app: Flask, control: Session, whole_cluster: Cluster, readers: Settings
) -> None:
    wait_until(lambda: is_chosen(readers), 30, "az-b is not chosen")
    for number in range(2, 12):
        whole_cluster.sql(f"INSERT INTO tenant_readers.note VALUES ({number})")
        with reading.reading_session(READERS, fresh=True) as session:
            assert reading.place_of(session).name == "az-b"
            assert session.scalar(text("SELECT max(id) FROM note")) == number
    with reading.reading_session(READERS) as session:
        row = session.execute(text("SELECT pg_is_in_recovery(), current_user, current_schema()")).one()
        assert row == (True, "tenant_readers", "tenant_readers")
        with pytest.raises(DBAPIError):
            session.execute(text("INSERT INTO note VALUES (0)"))
    with reading.reading_session(READERS, seconds=1) as session, pytest.raises(DBAPIError, match="timeout"):
        session.execute(text("SELECT pg_sleep(3)"))


@pytest.mark.slow
@pytest.mark.xdist_group("cluster")
def test_export_is_read_from_the_standby_or_left_to_the_primary(
    app: Flask, control: Session, whole_cluster: Cluster, readers: Settings
) -> None:
    wait_until(lambda: is_chosen(readers), 30, "az-b is not chosen")
    session = db.session.session_factory()
    session.info["tenant"] = READERS
    rows = select(text("id FROM note"))
    with app.test_request_context():
        answer = app.response_class(b"".join(export.stream(session, rows)))
        assert app.process_response(answer).headers[reading.HEADER].startswith("read from az-b, ")
    assert answer.get_data() == b"id\n1\n"
    whole_cluster.sql("SELECT pg_wal_replay_pause()", on="az-b")
    whole_cluster.sql("INSERT INTO tenant_readers.note VALUES (2)")
    with reading.for_export(session) as other:
        assert other is None
    assert reading.current_place().reason == "az-b did not catch up within 1 s"
    session.close()


def test_read_that_a_standby_cancels_is_asked_of_the_primary(
    app: Flask, acme: TenantRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context(), use_tenant(acme, actor="x") as own:
        monkeypatch.setattr(reading, "_open", lambda *_, **__: (Place("az-b"), Session(own.connection())))

        def work(session: Session) -> int:
            if session is not own:
                raise DBAPIError("SELECT 1", None, psycopg2.Error("conflict with recovery"))
            return int(session.scalar(text("SELECT 1")) or 0)

        found, place = reading.ask(acme, work)
    assert (found, place.words) == (1, "read from the primary: az-b did not finish")
