"""Restores of a real cluster to a scratch server."""

import shutil
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from dashboard.backups import service as backups
from dashboard.backups.barman import Barman
from dashboard.backups.repository_wal import folders_of
from dashboard.backups.restoring import looking, planning, points, service
from dashboard.backups.restoring.errors import BackupBrokenError
from dashboard.backups.restoring.models import Restore, Target
from dashboard.backups.restoring.planning import TargetSpec
from dashboard.core.config import Settings
from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from dashboard.servers.scratch import ScratchServer
from dashboard.stack.layout import ERP_DATABASE
from tests.backups.restoring.conftest import Heard, Make, read, write
from tests.cluster import Cluster

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("cluster"),
    pytest.mark.usefixtures("cleaned"),
]
ACTOR = "dba@example.com"


@pytest.fixture
def plan(control: Session, observed: Settings) -> "Plan":
    return Plan(control, observed)


class Plan:
    """Plans and makes restores with the settings of the test."""

    def __init__(self, session: Session, settings: Settings) -> None:
        self.session = session
        self.settings = settings

    def __call__(self, target: TargetSpec | None = None, backup_id: str = "") -> Restore:
        return service.plan(
            self.session,
            self.settings,
            purpose="look",
            target=target or TargetSpec(),
            actor=ACTOR,
            backup_id=backup_id,
        )

    def make(self, target: TargetSpec | None = None, backup_id: str = "") -> tuple[Restore, ScratchServer]:
        restore = self(target, backup_id)
        return restore, service.bring_back(restore, self.settings, Heard())


def test_a_chain_comes_back_to_a_time_to_a_point_and_to_the_latest(
    make: Make, plan: Plan, whole_cluster: Cluster, observed: Settings, control: Session
) -> None:
    names = [f"{letter}-{uuid4()}" for letter in "abcd"]
    make()
    write(whole_cluster, names[0])
    child = make("incremental")
    between = write(whole_cluster, names[1])
    write(whole_cluster, names[2])
    point = points.create_point(control, observed, name=f"p-{uuid4()}", reason="", actor=ACTOR)
    write(whole_cluster, names[3])

    restore, server = plan.make(TargetSpec(Target.TIME, between))
    assert set(names) & set(read(server, ERP_DATABASE)) == set(names[:2])
    assert (restore.backup_id, restore.status, restore.reason) == (child, "ready", "")
    assert restore.reached_at is not None
    assert restore.reached_at <= between
    assert set(restore.phases) == {"plan", "fetch", "wal", "replay", "promote"}
    assert restore.bytes_done == restore.bytes_total > 10_000_000
    assert restore.wal_done == restore.wal_total >= 1
    service.tear_down(control, restore)
    assert not server.folder.exists()

    _, server = plan.make(TargetSpec(Target.POINT, name=point.name))
    assert set(names) & set(read(server, ERP_DATABASE)) == set(names[:3])
    server.remove()

    # Nothing is later than this moment in the WAL: all of it is what there was.
    now = whole_cluster.sql("SELECT clock_timestamp()")
    restore, server = plan.make(TargetSpec(Target.TIME, now), restore.backup_id)
    assert set(names) <= set(read(server, ERP_DATABASE))
    assert restore.status == "ready"


def test_looking_in_shows_rows_and_can_write_nothing(
    make: Make, plan: Plan, whole_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = "slug, name, schema_name, role_name, colour"
    values = ("look", "Look", "tenant_look", "tenant_look", "#000000")
    is_migrated = whole_cluster.sql("SELECT to_regclass('public.tenant') IS NOT NULL")
    if not is_migrated:
        whole_cluster.sql(f"CREATE TABLE public.tenant ({columns.replace(',', ' text,')} text)")
    for statement in (
        "CREATE ROLE tenant_look",
        "CREATE SCHEMA tenant_look",
        "CREATE TABLE tenant_look.product (id int PRIMARY KEY, name text)",
        "CREATE TABLE tenant_look.quote_price (id int PRIMARY KEY, amount numeric)",
        "CREATE TABLE tenant_look.hidden AS SELECT 1 AS id",
        "INSERT INTO tenant_look.product SELECT n, 'product ' || n FROM generate_series(1, 60) n",
        "INSERT INTO tenant_look.quote_price VALUES (1, 4711)",
        "ALTER TABLE tenant_look.quote_price ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "GRANT USAGE ON SCHEMA tenant_look TO tenant_look",
        "GRANT SELECT ON tenant_look.product, tenant_look.quote_price TO tenant_look",
        f"INSERT INTO public.tenant ({columns}) VALUES {values}",
    ):
        whole_cluster.sql(statement)
    make()
    restore, server = plan.make()
    whole_cluster.sql("DROP SCHEMA tenant_look CASCADE; DROP ROLE tenant_look")
    whole_cluster.sql("DELETE FROM public.tenant WHERE slug = 'look'")
    if not is_migrated:
        whole_cluster.sql("DROP TABLE public.tenant")

    assert ERP_DATABASE in dict(looking.list_databases(server))
    assert looking.list_places(server, "postgres") == []
    place = looking.get_place(server, ERP_DATABASE, "look")
    tables = {table.name: table for table in looking.list_tables(server, ERP_DATABASE, place)}
    assert set(tables) == {"hidden", "product", "quote_price"}
    assert looking.count_rows(server, ERP_DATABASE, place, tables["product"]) == 60
    first = looking.read_rows(server, ERP_DATABASE, place, tables["product"], 1)
    assert (first.columns, first.rows[0], len(first.rows)) == (["id", "name"], ["1", "product 1"], 50)
    second = looking.read_rows(server, ERP_DATABASE, place, tables["product"], 2)
    assert (second.rows[-1], first.has_next, second.has_next) == (["60", "product 60"], True, False)

    assert tables["quote_price"].is_sealed
    with pytest.raises(NotFoundError, match="sealed prices"):
        looking.read_rows(server, ERP_DATABASE, place, tables["quote_price"], 1)
    with pytest.raises(NotFoundError, match="may not read"):
        looking.read_rows(server, ERP_DATABASE, place, tables["hidden"], 1)
    with pytest.raises(NotFoundError):
        looking.get_place(server, ERP_DATABASE, "nobody'; DROP TABLE x; --")
    with (
        pytest.raises(UnavailableError, match="read-only transaction"),
        looking.reading(server, ERP_DATABASE) as at,
    ):
        at.execute("DELETE FROM tenant_look.product")
    monkeypatch.setattr(looking, "STATEMENT_SECONDS", 0.05)
    with pytest.raises(UnavailableError, match="given up"), looking.reading(server, "postgres") as at:
        at.execute("SELECT pg_sleep(5)")
    assert service.find_scratch(restore) is not None
    server.stop()
    with pytest.raises(UnavailableError, match="does not answer"):
        looking.list_databases(server)


def test_what_cannot_be_restored_to_is_refused_before_anything_begins(
    make: Make, plan: Plan, whole_cluster: Cluster, control: Session, observed: Settings
) -> None:
    before = whole_cluster.sql("SELECT clock_timestamp()")
    newest = make()
    with pytest.raises((InvalidInputError, ConflictError)):
        plan(TargetSpec(Target.TIME, before), newest)
    with pytest.raises(NotFoundError):
        plan(backup_id="20010101T000000")
    with pytest.raises(InvalidInputError, match="no restore point"):
        plan(TargetSpec(Target.POINT, name="nowhere"))
    with pytest.raises(ConflictError, match="are missing"):
        service.plan(
            control,
            observed,
            purpose="look",
            target=TargetSpec(),
            actor=ACTOR,
            free=lambda _folder: 1_000_000,
        )
    assert planning.free_bytes(Path("/nowhere/at/all")) > 0
    lost = observed.model_copy(update={"barman_config": None})
    with pytest.raises(UnavailableError, match="STEWARD_BARMAN_CONFIG"):
        service.plan(control, lost, purpose="look", target=TargetSpec(), actor=ACTOR)


def test_a_cancelled_restore_leaves_nothing(make: Make, plan: Plan, observed: Settings) -> None:
    make()
    for moment in ("Fetched", "WAL file", "Starting the server"):
        restore = plan()
        with pytest.raises(KeyboardInterrupt):
            service.bring_back(restore, observed, Heard(stop_at=moment))
        assert not Path(restore.folder).exists()
        assert (restore.status, restore.gone_at is None) == ("failed", False)


def test_a_flipped_byte_is_the_backups_fault_and_names_the_file(
    make: Make, plan: Plan, barman: Barman, whole_cluster: Cluster
) -> None:
    backup_id = make()
    packed = whole_cluster.layout.barman / "main" / "base" / backup_id / "data" / "base.tar.gz"
    flip(packed, packed.stat().st_size // 2)
    restore = plan(backup_id=backup_id)
    with pytest.raises(BackupBrokenError) as broken:
        service.bring_back(restore, plan.settings, Heard())
    assert broken.value.file_name == "base.tar.gz"
    assert backup_id in restore.reason
    assert not Path(restore.folder).exists()
    barman.ask("delete", barman.server, backup_id)
    backups.sync_catalogue(barman)


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as stream:
        stream.seek(offset)
        byte = stream.read(1)[0]
        stream.seek(offset)
        stream.write(bytes([byte ^ 1]))


def test_wal_that_is_damaged_or_missing_is_the_backups_fault_too(
    make: Make, plan: Plan, barman: Barman, whole_cluster: Cluster
) -> None:
    backup_id = make()
    for _ in range(2):
        write(whole_cluster, str(uuid4()))
        barman.switch_wal()
    folder = folders_of(barman.config, barman.server).filed
    begin = barman.show_backup(backup_id).end_wal or ""
    later = min(path for path in folder.glob("*/*") if path.name > begin and len(path.name) == 24)
    kept = later.with_name("kept")
    shutil.copy2(later, kept)
    try:
        flip(later, 2000)  # further back are zeros, of which a flipped byte may make zeros again
        with pytest.raises(BackupBrokenError, match="cannot be decompressed") as broken:
            service.bring_back(plan(backup_id=backup_id), plan.settings, Heard())
        assert broken.value.file_name == later.name
        later.unlink()
        with pytest.raises(BackupBrokenError, match="lacks a WAL file") as missing:
            plan(backup_id=backup_id)
        assert missing.value.file_name == later.name
    finally:
        kept.replace(later)


def test_the_backup_login_is_needed_for_a_restore_point(observed: Settings, control: Session) -> None:
    nobody = observed.model_copy(update={"backup_url": None})
    with pytest.raises(UnavailableError, match="STEWARD_BACKUP_URL"):
        points.create_point(control, nobody, name="p", reason="", actor=ACTOR)
    away = observed.model_copy(update={"backup_url": "postgresql+psycopg2://x@127.0.0.1:1/x"})
    with pytest.raises(UnavailableError, match="was not made"):
        points.create_point(control, away, name="p", reason="", actor=ACTOR)
