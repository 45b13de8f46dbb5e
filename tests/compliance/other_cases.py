"""How each promise over standbys, security, tenants and operations is kept, and then broken."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update

from dashboard.alerts import service as alerts
from dashboard.alerts.deadman import NAME
from dashboard.alerts.deliveries.models import Delivery, Route
from dashboard.alerts.models import Alert, Signal
from dashboard.compliance import attested, looking, reports
from dashboard.compliance.clauses import operations
from dashboard.compliance.registry import figures
from dashboard.core.config import DEFAULT_SECRET
from dashboard.failover.models import Kind, Rehearsal, Status
from dashboard.health import redis_probes
from dashboard.health.models import Reading
from dashboard.health.probes import Extension, Inventory, Setting
from dashboard.health.refreshing import ACTIVITY, BROKER, INVENTORY
from dashboard.health.server.probes import Encryption
from dashboard.health.server.refreshing import IDENTITY
from dashboard.health.service import plain
from dashboard.health.services.pgbouncer_probes import PgBouncer, Pool
from dashboard.health.services.refreshing import POOLS
from dashboard.jobs.models import ScheduleState
from dashboard.replication.judging import STREAMING, StandbyState
from dashboard.replication.service import READING as REPLICATION
from dashboard.replication.settings_review import READING as CHECKED
from dashboard.schedule import SCHEDULES
from dashboard.schema_migrations import reading as heads
from dashboard.schema_migrations.drift.service import LOOK
from dashboard.schema_migrations.fleet.models import FleetPlan, FleetRun
from dashboard.schema_migrations.queries import READING as HEADS
from dashboard.schema_migrations.rehearsal.models import Rehearsal as Tried
from dashboard.settings import queries as settings_queries
from dashboard.settings.models import Setting as BusinessSetting
from dashboard.tenants.inspection import READING as INSPECTED
from dashboard.tenants.isolation.rounds import check_all
from tests.compliance.cases import Case, case
from tests.compliance.world import World

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def standby(name: str, region: str, mode: str, **more: Any) -> StandbyState:
    """A standby that follows well, unless said otherwise."""
    known: dict[str, Any] = {"state": STREAMING, "level": "ok", "notes": [], "replay_bytes": 0}
    known |= {"zone": "b", "sync_state": mode} | more
    return StandbyState(name=name, region=region, mode=mode, **known)


def replication(world: World, *standbys: StandbyState) -> None:
    """What the probe of replication stores."""
    data = {
        "primary": {"position": 100, "synchronous_names": "az-b"},
        "primary_error": "",
        "frozen": None,
        "standbys": [plain(row) for row in standbys],
        "zone": "a",
        "region": "local",
    }
    world.read(REPLICATION, data)


WELL = (standby("az-b", "local", "sync"), standby("dr", "far", "async"))


@case("standbys.sync", "az-b is missing")
class Synchronous(Case):
    """The synchronous standby is stopped."""

    def keep(self, world: World) -> None:
        replication(world, *WELL)

    def spoil(self, world: World) -> None:
        gone = standby("az-b", "local", "sync", state="missing", level="critical", sync_state=None)
        replication(world, gone, WELL[1])


@case("standbys.dr", "dr is cut off")
class Distant(Case):
    """The line to the other region is cut."""

    def keep(self, world: World) -> None:
        replication(world, *WELL)

    def spoil(self, world: World) -> None:
        replication(world, WELL[0], standby("dr", "far", "async", state="cut_off", level="critical"))


@case("standbys.settings", "az-a: max_wal_senders is 1, asked is at least 5")
class Settings(Case):
    """Somebody set max_wal_senders to 1."""

    def keep(self, world: World) -> None:
        self.store(world, "10", "ok")

    def spoil(self, world: World) -> None:
        self.store(world, "1", "critical")

    def store(self, world: World, value: str, level: str) -> None:
        check = {"name": "max_wal_senders", "value": value, "wanted": "at least 5", "level": level}
        world.read(CHECKED, {"servers": [{"name": "az-a", "error": "", "checks": [check]}]}, every=30)


@case("standbys.failover", "3 rows that were confirmed were lost")
class Failover(Case):
    """The next rehearsal loses rows."""

    def keep(self, world: World) -> None:
        self.rehearse(world, lost=0)

    def spoil(self, world: World) -> None:
        self.rehearse(world, lost=3)

    def rehearse(self, world: World, *, lost: int) -> None:
        world.add(
            Rehearsal(
                kind=Kind.REHEARSAL,
                actor="schedule",
                started_at=world.now,
                finished_at=world.now,
                status=Status.DONE,
                outage_ms=900.0,
                lost_rows=lost,
            )
        )


def connections(world: World, *open_by: str) -> None:
    """What the health probe sees of encryption."""
    found = Encryption(
        total=9, encrypted=5 - len(open_by), open=len(open_by), here=4, versions=[], open_by=list(open_by)
    )
    world.read(IDENTITY, {"identity": {"tls": True}, "encryption": plain(found), "is_here": False}, every=60)


@case("security.in_transit", "1 come over the network and are not encrypted: report from 10.0.0.7")
class InTransit(Case):
    """A report program connects without TLS."""

    def keep(self, world: World) -> None:
        connections(world)

    def spoil(self, world: World) -> None:
        connections(world, "report from 10.0.0.7")


class Attested(Case):
    """A statement that nobody renewed."""

    promise = ""

    def keep(self, world: World) -> None:
        today = world.now.date()
        words = attested.Statement(self.promise, "LUKS on all disks", "Audit 7", today, today + 90 * DAY)
        attested.state(words, actor="dba@example.com")

    def spoil(self, world: World) -> None:
        world.now += 100 * DAY


@case("security.at_rest", "The statement expired on")
class AtRest(Attested):
    """Of the disks."""

    promise = "security.at_rest"


@case("security.key_rotation", "The statement expired on")
class KeyRotation(Attested):
    """Of the keys."""

    promise = "security.key_rotation"


@case("security.secrets", "Default or weak: STEWARD_SECRET_KEY")
class Secrets(Case):
    """Somebody starts it with the secret of development."""

    def keep(self, world: World) -> None:
        strong = "postgresql+psycopg2://steward:k7vR2pQx9s@127.0.0.1:5432/x"
        names = ("control_url", "database_url", "database_direct_url", "database_monitor_url")
        redis = "redis://:k7vR2pQx9s@127.0.0.1:6379/0"
        world.configure(**dict.fromkeys(names, strong), broker_url=redis, cache_url=redis)
        looked = world.settings.model_copy(update={"database_monitor_url": monitor(world)})
        assert looking.look(looked) == ""

    def spoil(self, world: World) -> None:
        world.configure(secret_key=DEFAULT_SECRET)


def monitor(world: World) -> str:
    """The real monitoring login of the test server."""
    found: str = world.superuser_url.replace("postgresql://", "postgresql+psycopg2://") + "/erp_test"
    return found


@case("security.logins", "steward_app may create databases")
class Logins(Case):
    """The application's login is given a power it does not need, on the real server."""

    def keep(self, world: World) -> None:
        assert looking.look(world.settings) == ""

    def spoil(self, world: World) -> None:
        world.as_superuser("ALTER ROLE steward_app CREATEDB", undo="ALTER ROLE steward_app NOCREATEDB")
        assert looking.look(world.settings) == ""


@case("security.history", "record_row_change of tenant_acme.supplier is switched off")
class History(Case):
    """Somebody switches the history of a real table off."""

    def keep(self, world: World) -> None:
        assert looking.look(world.settings) == ""

    def spoil(self, world: World) -> None:
        table = "ALTER TABLE tenant_acme.supplier"
        world.as_superuser(
            f"{table} DISABLE TRIGGER record_row_change", undo=f"{table} ENABLE TRIGGER record_row_change"
        )
        assert looking.look(world.settings) == ""


@case("tenants.isolation", "ways across are open")
class Isolation(Case):
    """One tenant's role is let into the schema of the other, on the real server."""

    def keep(self, world: World) -> None:  # noqa: ARG002
        check_all(lambda *_: None, actor="tester")

    def spoil(self, world: World) -> None:
        world.as_superuser(
            "GRANT USAGE ON SCHEMA tenant_acme TO tenant_globex;"
            "GRANT SELECT ON ALL TABLES IN SCHEMA tenant_acme TO tenant_globex",
            undo="REVOKE SELECT ON ALL TABLES IN SCHEMA tenant_acme FROM tenant_globex;"
            "REVOKE USAGE ON SCHEMA tenant_acme FROM tenant_globex",
        )
        check_all(lambda *_: None, actor="tester")


@case("tenants.schemas", "acme: the schema is missing")
class Schemas(Case):
    """A tenant's schema is dropped."""

    def keep(self, world: World) -> None:
        self.store(world, "")

    def spoil(self, world: World) -> None:
        self.store(world, "the schema is missing")

    def store(self, world: World, problem: str) -> None:
        row = {"slug": "acme", "schema": "tenant_acme", "problem": problem}
        world.read(INSPECTED, {"tenants": [row], "database": {}, "limits": []}, every=900)


@case("migrations.level", "1 schemas differ from others of their revision: tenant_acme")
class Level(Case):
    """Somebody changes a schema by hand."""

    def keep(self, world: World) -> None:
        heads.refresh_heads(world.settings)
        world.read(LOOK, {"schemas": 2, "busy": 0, "gone": 0}, every=3600)
        self.fleet: dict[str, Any] = world.control.get_one(Reading, HEADS).data["fleet"]
        self.fleet |= {"drift": [], "behind": []}  # whatever others of the session left
        world.change(HEADS, fleet=self.fleet)

    def spoil(self, world: World) -> None:
        drift = [{"revision": "0009", "schemas": 2, "others": ["tenant_acme"]}]
        world.change(HEADS, fleet=self.fleet | {"drift": drift})


@case("migrations.safe", "It is halted half-way: lock not available")
class Safe(Case):
    """A migration stops in the middle of the fleet."""

    def keep(self, world: World) -> None:
        plan = world.add(
            FleetPlan(to_revision="0009", sql_hash="abc", steps=[], status="done", actor="a@example.com")
        )
        world.add(Tried(plan_id=plan.id, sql_hash="abc", outcome="passed", actor="a@example.com"))
        self.run: FleetRun = world.add(
            FleetRun(plan_id=plan.id, status="done", backup_id="x", actor="a", started_at=world.now)
        )

    def spoil(self, world: World) -> None:  # noqa: ARG002
        self.run.status, self.run.reason = "halted", "lock not available"


@case("operations.watching", "is 1 d 1 h old; it counts for 1 d")
class Watching(Case):
    """The worker of the probes has been dead since yesterday."""

    def keep(self, world: World) -> None:
        for key in operations.WATCHED:
            world.read(key, {"a": 1})

    def spoil(self, world: World) -> None:
        world.age(ACTIVITY, timedelta(hours=25))


@case("operations.alerts", "The last round of judging is 20 min old")
class Alerts(Case):
    """Nobody judges the rules any more."""

    def keep(self, world: World) -> None:
        world.now = datetime.now(UTC)
        alerts.evaluate(world.now)
        world.control.execute(update(Alert).values(unknown_at=None))

    def spoil(self, world: World) -> None:
        world.control.execute(update(Alert).values(checked_at=world.now - timedelta(minutes=20)))


@case("operations.schedules", "backups.hourly was paused by dba@example.com")
class Schedules(Case):
    """Somebody pauses the hourly backup and forgets it."""

    def keep(self, world: World) -> None:
        for one in SCHEDULES:
            row = ScheduleState(name=one.name, job=one.job, title=one.title, every=one.every, cron=one.cron)
            row.last_slot, row.last_run_at, row.created_at = world.now, world.now, world.now - 400 * DAY
            world.add(row)

    def spoil(self, world: World) -> None:
        row = world.control.get_one(ScheduleState, "backups.hourly")
        row.paused, row.paused_by = True, "dba@example.com"


@case("operations.broker", "Its append-only file is off")
class Broker(Case):
    """Persistence is switched off on the real broker."""

    def keep(self, world: World) -> None:
        self.look(world)

    def spoil(self, world: World) -> None:
        client = redis_probes.redis_client(world.settings.broker_url)
        client.config_set("appendonly", "no")
        world.stack.callback(lambda: client.config_set("appendonly", "yes"))
        self.look(world)

    def look(self, world: World) -> None:
        world.read(BROKER, redis_probes.read_redis(world.settings.broker_url))


@case("operations.extensions", "uuid-ossp is available, not installed")
class Extensions(Case):
    """An extension is dropped."""

    def keep(self, world: World) -> None:
        self.store(world, "1.1")

    def spoil(self, world: World) -> None:
        self.store(world, None)

    def store(self, world: World, version: str | None) -> None:
        found = [
            Extension("uuid-ossp", "1.1", version, wanted=True, trusted=True),
            Extension("pg_stat_statements", "1.12", "1.12", wanted=True, trusted=False),
        ]
        preload = Setting("shared_preload_libraries", "pg_stat_statements", "", "file", pending_restart=False)
        world.read(INVENTORY, Inventory(None, [], [], found, [preload]), every=900)


@case("operations.confirmed", "Confirmed more than a year ago: RPO")
class Confirmed(Case):
    """The figures are as old as the last owner."""

    def keep(self, world: World) -> None:
        for key in figures():
            value = settings_queries.value(key)
            today = world.now.date()
            world.add(BusinessSetting(key=key, value=value, owner="CFO", confirmed_on=today))

    def spoil(self, world: World) -> None:
        row = world.control.get_one(BusinessSetting, "backups.rpo_seconds")
        row.confirmed_on = world.now.date() - 400 * DAY


@case("operations.evidence", "Report 1: Its content is not what was sealed")
class Evidence(Case):
    """Somebody with the keys of the control database rewrites a report."""

    def keep(self, world: World) -> None:
        reports.make(world.settings, actor="dba@example.com")
        assert looking.follow() == []

    def spoil(self, world: World) -> None:
        change = "UPDATE promise_report SET content = replace(content, 'broken', 'kept') WHERE number = 1"
        world.sql("ALTER TABLE promise_report DISABLE TRIGGER refuse_change", change)
        assert len(looking.follow()) == 1


@case("operations.told", "did not arrive: connection refused")
class Told(Case):
    """The mail server takes nothing any more."""

    def keep(self, world: World) -> None:
        self.route: Route = world.add(Route(name="On call", kind="mail", address="on-call@example.com"))
        world.add(Delivery(route_id=self.route.id, content={}, created_at=world.now, sent_at=world.now))

    def spoil(self, world: World) -> None:
        later = world.now + timedelta(minutes=1)
        given_up = Delivery(route_id=self.route.id, content={}, created_at=later, given_up_at=later)
        given_up.error = "connection refused"
        world.add(given_up)


@case("operations.deadman", "The last ping is 2 h old; it counts for 1 h")
class Deadman(Case):
    """No ping has been sent for two hours."""

    def keep(self, world: World) -> None:
        world.configure(deadman_url="https://watch.example.com/abc")
        alerts.evaluate(world.now)
        world.add(Signal(name=NAME, tried_at=world.now, taken_at=world.now))

    def spoil(self, world: World) -> None:
        world.control.get_one(Signal, NAME).taken_at = world.now - 2 * HOUR


@case("operations.pooling", "4 clients wait for a connection, the longest for 9 s")
class Pooling(Case):
    """The pool is too small."""

    def keep(self, world: World) -> None:
        world.configure(pgbouncer_url="postgresql://stats@127.0.0.1:6432/pgbouncer")
        self.store(world, 0, 0.0)

    def spoil(self, world: World) -> None:
        self.store(world, 4, 9.0)

    def store(self, world: World, waiting: int, longest: float) -> None:
        pool = Pool("erp", "app", "transaction", 3, waiting, 3, 1, 0, longest)
        world.read(POOLS, PgBouncer("1.25", 100, 20, [pool], []))
