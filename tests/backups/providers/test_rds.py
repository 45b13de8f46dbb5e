"""RDS through real HTTP: snapshots, window and checks in the catalogue; its errors in sentences."""

import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from botocore import xform_name
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.backups import jobs as backup_jobs
from dashboard.backups import queries, reviewing, rpo
from dashboard.backups.providers import rds, runbook
from dashboard.backups.providers.choice import provider_of
from dashboard.backups.providers.interface import ProviderError, Restores, Watch
from dashboard.backups.providers.managed import RdsProvider
from dashboard.backups.providers.rds import Rds
from dashboard.core.config import Settings
from dashboard.core.errors import InvalidInputError, UnavailableError
from tests.backups.providers.rds_server import INSTANCE, REGION, Gate, RdsServer, gate_before, running_rds

Login = Callable[..., FlaskClient]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RdsServer]:
    """A real RDS server in a process of its own."""
    with running_rds(tmp_path_factory.mktemp("rds")) as running:
        yield running


@pytest.fixture
def gate(server: RdsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """The server behind a gate; the credentials are in the environment, as AWS's tools expect them."""
    use(monkeypatch, server.key)
    monkeypatch.setattr(rds, "POLL_SECONDS", 0.01)
    client = server.client()
    with gate_before(server) as made:
        yield made
    for one in client.describe_db_snapshots(DBInstanceIdentifier=INSTANCE)["DBSnapshots"]:
        if one["SnapshotType"] == "manual":
            client.delete_db_snapshot(DBSnapshotIdentifier=one["DBSnapshotIdentifier"])


def use(monkeypatch: pytest.MonkeyPatch, key: tuple[str, str]) -> None:
    """Put credentials where AWS's tools look, and nothing else."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key[1])
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def managed(gate: Gate, settings: Settings) -> Settings:
    """Settings of a deployment on RDS."""
    return settings.model_copy(
        update={
            "backup_provider": "rds",
            "rds_instance": INSTANCE,
            "rds_region": REGION,
            "rds_endpoint": gate.endpoint,
        }
    )


@pytest.fixture
def page_settings(app: Flask, managed: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Let jobs and pages see them."""
    monkeypatch.setattr(backup_jobs, "get_settings", lambda: managed)
    monkeypatch.setitem(app.extensions, "steward_settings", managed)
    return managed


def watch(lines: list[str] | None = None) -> Watch:
    """Somebody who follows a backup."""
    heard = [] if lines is None else lines
    return Watch(heard.append, lambda _done, _total, _text: None, lambda: None)


def test_setting_chooses_the_provider(managed: Settings, settings: Settings) -> None:
    assert isinstance(provider_of(managed), RdsProvider)
    assert (provider_of(managed).restores, provider_of(managed).server) == (Restores.CONSOLE, INSTANCE)
    assert (provider_of(settings).name, provider_of(settings).restores) == ("Barman", Restores.SCRATCH)
    assert managed.backup_server == INSTANCE


def test_snapshot_is_made_listed_and_judged(app: Flask, control: Session, managed: Settings) -> None:
    provider, lines = provider_of(managed), list[str]()
    name = provider.back_up("auto", watch(lines))
    assert name.startswith(f"steward-{INSTANCE}-")
    assert any("can be restored" in line for line in lines)
    assert provider.sync()["backups"] >= 1
    control.commit()
    backup = queries.find_newest(INSTANCE)
    assert backup is not None
    assert (backup.backup_id, backup.status, backup.kind) == (name, "DONE", "full")
    assert backup.cluster_bytes == 100 * 2**30
    reading = queries.get_repository()
    assert reading is not None
    passed = {check["name"]: check["passed"] for check in reading.data["checks"]}
    assert passed["hourly snapshots"]
    assert passed["automated backups"]
    assert passed["deletion protection"]
    gone = [one.backup_id for one in queries.list_backups(INSTANCE)]
    assert name in gone


def test_snapshot_that_is_deleted_leaves_the_catalogue(
    app: Flask, control: Session, managed: Settings, server: RdsServer
) -> None:
    provider = provider_of(managed)
    name = provider.back_up("auto", watch())
    provider.sync()
    server.client().delete_db_snapshot(DBSnapshotIdentifier=name)
    provider.sync()
    assert name not in [one.backup_id for one in queries.list_backups(INSTANCE)]


def test_window_is_what_rds_says(gate: Gate, managed: Settings) -> None:
    gate.window = ("2026-10-22T03:00:00Z", "2026-11-21T06:05:00Z")
    window = provider_of(managed).window()
    assert window.from_at == datetime(2026, 10, 22, 3, tzinfo=UTC)
    assert window.until_at is not None
    assert datetime.now(UTC) - window.until_at < timedelta(minutes=1)  # the instance's own word is newer


def test_every_page_of_snapshots_is_read(gate: Gate, managed: Settings, server: RdsServer) -> None:
    client = server.client()
    for number in range(5):
        client.create_db_snapshot(DBSnapshotIdentifier=f"by-hand-{number}", DBInstanceIdentifier=INSTANCE)
    gate.page_size = 2
    names = [facts.backup_id for facts in provider_of(managed).list_backups()]
    assert len([name for name in names if name.startswith("by-hand-")]) == 5
    assert len(names) == len(set(names))
    assert gate.calls.count("DescribeDBSnapshots") >= 4


def test_throttling_is_tried_again_and_then_said(gate: Gate, managed: Settings) -> None:
    gate.refuse = 2
    assert provider_of(managed).list_backups() is not None
    gate.refuse = 10
    with pytest.raises(ProviderError, match="AWS throttles rds:DescribeDBSnapshots: 3 tries"):
        provider_of(managed).list_backups()


def test_credentials_and_rights_are_told_apart(
    managed: Settings, server: RdsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, ("AKIAUNKNOWN000000000", "wrong-secret"))
    with pytest.raises(ProviderError, match="refuses the credentials") as refusal:
        provider_of(managed).list_backups()
    assert "wrong-secret" not in str(refusal.value)
    use(monkeypatch, server.powerless)
    with pytest.raises(ProviderError, match="lack the right rds:DescribeDBSnapshots"):
        provider_of(managed).list_backups()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(ProviderError, match="There are no AWS credentials"):
        provider_of(managed).list_backups()


def test_unknown_instance_and_dead_service_are_named(gate: Gate) -> None:
    with pytest.raises(ProviderError, match="no RDS instance called other"):
        Rds("other", REGION, gate.endpoint).describe()
    with pytest.raises(ProviderError, match="does not answer"):
        Rds(INSTANCE, REGION, "http://127.0.0.1:9").describe()
    with pytest.raises(UnavailableError, match="The backup failed"):
        RdsProvider(Rds("other", REGION, gate.endpoint)).back_up("auto", watch())


def test_page_shows_snapshots_and_window_and_survives_the_service(
    page_settings: Settings, gate: Gate, control: Session, login: Login
) -> None:
    begin = datetime.now(UTC) - timedelta(days=20)
    gate.window = (f"{begin:%Y-%m-%dT%H:%M:%SZ}", f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    provider = provider_of(page_settings)
    name = provider.back_up("auto", watch())
    provider.sync()
    control.commit()
    html = login("dba").get("/database/backups/").text
    assert name in html
    assert "AWS RDS" in html
    gate.refuse = 100
    assert "error" in provider.sync()
    control.commit()
    html = login("dba").get("/database/backups/").text
    assert "AWS throttles" in html
    assert name in html


def test_runbook_writes_the_command_that_restores(
    page_settings: Settings, gate: Gate, control: Session, login: Login, server: RdsServer
) -> None:
    begin = datetime.now(UTC) - timedelta(days=20)
    gate.window = (f"{begin:%Y-%m-%dT%H:%M:%SZ}", f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    provider_of(page_settings).sync()
    control.commit()
    at = datetime.now(UTC) - timedelta(hours=3)
    html = login("dba").get(f"/database/backups/managed/?at={at:%Y-%m-%dT%H:%M:%S}").text
    assert f"--restore-time {at:%Y-%m-%dT%H:%M:%S}Z" in html
    assert f"--source-db-instance-identifier {INSTANCE}" in html
    early = login("dba").get("/database/backups/managed/?at=2001-01-01T00:00").text
    assert "That moment cannot be restored." in early
    reading = queries.get_repository()
    assert reading is not None
    given = runbook.arguments(reading.data["instance"], at, datetime.now(UTC))
    made = restore_by_command(server, runbook.command(given, REGION, server.endpoint))
    assert made["DBInstanceIdentifier"].startswith(f"{INSTANCE}-restored-")
    assert made["DBInstanceClass"] == "db.t3.medium"


def restore_by_command(server: RdsServer, command: str) -> dict[str, str]:
    """Do what the command line says, through the API's own names of its options."""
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:3] == ["aws", "rds", "restore-db-instance-to-point-in-time"]
    client = server.client()
    shape = client.meta.service_model.operation_model("RestoreDBInstanceToPointInTime").input_shape
    known = {f"--{xform_name(name, '-')}": name for name in shape.members}
    given: dict[str, object] = {}
    for number, word in enumerate(words):
        following = words[number + 1] if number + 1 < len(words) else "--"
        if word.startswith("--no-"):
            given[known[word.replace("--no-", "--", 1)]] = False
        elif word in known:
            name = known[word]
            flag = following.startswith("--")
            listed = shape.members[name].type_name == "list"
            given[name] = True if flag else [following] if listed else following
    made: dict[str, str] = client.restore_db_instance_to_point_in_time(**given)["DBInstance"]
    return made


def test_archive_dial_says_how_far_behind_the_service_is(
    page_settings: Settings, gate: Gate, control: Session
) -> None:
    gate.window = (f"{datetime.now(UTC) - timedelta(days=9):%Y-%m-%dT%H:%M:%SZ}", "2026-11-21T06:05:00Z")
    silent = page_settings.model_copy(update={"standbys": ()})
    assert rpo.measure(silent)["archive"] is None
    provider_of(page_settings).sync()
    control.commit()
    behind = rpo.measure(silent)["archive"]
    assert behind is not None
    assert 0 <= behind < 60


def test_runbook_refuses_what_is_no_moment() -> None:
    with pytest.raises(InvalidInputError, match="Write the moment"):
        runbook.moment_of("yesterday", {})
    with pytest.raises(InvalidInputError, match="cannot be restored") as refusal:
        runbook.moment_of("2026-11-21T06:05", {})
    assert "no restorable window" in refusal.value.fix
    assert runbook.moment_of("", {}) is None
    assert "--use-latest-restorable-time" in runbook.command(
        runbook.arguments({"DBInstanceIdentifier": "x"}, None, datetime.now(UTC)), REGION
    )


def test_card_names_the_provider_whose_checks_fail(app: Flask, control: Session, managed: Settings) -> None:
    provider = provider_of(managed)
    provider.back_up("auto", watch())
    provider.sync()
    control.commit()
    card = reviewing.card(INSTANCE)
    assert "Barman" not in card.text
