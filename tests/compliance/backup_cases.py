"""How each promise over backups and restores is kept, and then broken."""

from datetime import timedelta

from dashboard.backups import rpo, safekeeping, verifying
from dashboard.backups.copies import service as copies
from dashboard.backups.copies.models import BackupCopy, CopyKind
from dashboard.backups.drills.models import Drill, Outcome, Verification
from dashboard.backups.keeping_barman import ServerFacts
from dashboard.backups.models import Backup
from dashboard.backups.queries import REPOSITORY
from dashboard.backups.watching.probes import RepositoryWal
from dashboard.backups.watching.service import READING as WAL
from dashboard.health.service import plain
from dashboard.tenants.rewinding.models import Rewind
from tests.compliance.cases import Case, case
from tests.compliance.world import BACKUP, World

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def measure(world: World, behind: timedelta) -> None:
    """What the measurement of the RPO stores when the archive is that far behind."""
    seen = rpo.Seen(position=100, clock_at=world.now)
    archive = rpo.Path(
        rpo.ARCHIVE, "Archive", "main", rpo.BEHIND, end=90, safe_until_at=world.now - behind, behind_bytes=10
    )
    others = [rpo.Path(key, rpo.TITLES[key], state=rpo.NOT_EXPECTED) for key in (rpo.SYNC, rpo.DR)]
    world.read(rpo.READING, rpo.Measurement(world.now, seen, [archive, *others]))


@case("backups.rpo", "more than the 1 h promised")
class Rpo(Case):
    """The archive stands still for longer than an hour."""

    def keep(self, world: World) -> None:
        measure(world, timedelta(seconds=8))

    def spoil(self, world: World) -> None:
        measure(world, 2 * HOUR)


@case("backups.fresh", "No backup has ended since")
class Fresh(Case):
    """The hourly backup has not been made since the morning."""

    def keep(self, world: World) -> None:
        world.read(REPOSITORY, {"version": "3", "checks": [], "window": {}}, every=60)
        world.backup()

    def spoil(self, world: World) -> None:
        backup = world.control.get_one(Backup, (world.settings.backup_server, BACKUP))
        backup.begin_at, backup.end_at = world.now - 6 * HOUR, world.now - 5 * HOUR


@case("backups.verified", "failed the last verification: base/1/1259")
class Verified(Case):
    """A bit is lost on the repository's disk."""

    def keep(self, world: World) -> None:
        world.backup()
        world.add(verification(world))

    def spoil(self, world: World) -> None:
        broken = verification(world)
        broken.passed, broken.broken_file, broken.reason = False, "base/1/1259", "checksum mismatch"
        world.add(broken)


def verification(world: World, method: str = verifying.CHECKSUM) -> Verification:
    """One that passed a moment ago."""
    return Verification(
        server=world.settings.backup_server, backup_id=BACKUP, method=method, passed=True, at=world.now
    )


def policy(world: World, *, words: str = "RECOVERY WINDOW OF 30 DAYS", encryption: str = "gpg") -> None:
    """What Barman says of itself."""
    facts = ServerFacts(
        retention_policy=words,
        minimum_redundancy=1,
        encryption=encryption,
        encryption_key="steward",
        has_passphrase_command=True,
        archives=False,
        streams=True,
        nodes=("127.0.0.1:5432",),
        follows_primary=True,
        expects_standby=False,
        in_recovery=False,
        data_directory="",
        backup_directory="",
        connection_error="",
    )
    key = {"key": "steward", "problem": "", "has_secret": True, "expires_at": None}
    read = {"server": plain(facts), "kept": [], "key": key, "owned": True, "sources": [], "unknown": []}
    world.read(safekeeping.READING, read, every=60)


@case("backups.retention", "Barman works by RECOVERY WINDOW OF 7 DAYS")
class Retention(Case):
    """Somebody saved disk space in Barman's own configuration."""

    def keep(self, world: World) -> None:
        policy(world)

    def spoil(self, world: World) -> None:
        policy(world, words="RECOVERY WINDOW OF 7 DAYS")


def wal(world: World, *missing: str) -> None:
    """What the look at the repository stores."""
    found = RepositoryWal(
        folder="wals",
        slot_name="barman",
        backup_id=BACKUP,
        begin="000000010000000000000001",
        last="000000010000000000000009",
        files=9 - len(missing),
        missing=list(missing),
        missing_count=len(missing),
    )
    world.read(WAL, found)


@case("backups.window", "first of all 000000010000000000000004")
class Window(Case):
    """A WAL file is gone from the middle."""

    def keep(self, world: World) -> None:
        world.configure(barman_config=world.settings.home / "barman.conf")
        wal(world)

    def spoil(self, world: World) -> None:
        wal(world, "000000010000000000000004")


def drill(world: World, outcome: Outcome = Outcome.PASSED, **more: object) -> Drill:
    """A drill of an hour ago: ten minutes for a thousand bytes."""
    known = {
        "server": world.settings.backup_server,
        "backup_id": BACKUP,
        "outcome": outcome,
        "actor": "schedule",
        "started_at": world.now - HOUR,
        "finished_at": world.now - HOUR + timedelta(minutes=10),
        "phases": {"fetch": 500.0, "replay": 100.0},
        "checks": [{"name": "amcheck", "subject": "acme", "status": "passed", "detail": "", "seconds": 1.0}],
        "cluster_bytes": 1000,
        "wal_bytes": 1000,
        "rto_seconds": 600.0,
        "rpo_seconds": 4.0,
    }
    found: Drill = world.add(Drill(**known | more))
    return found


@case("restores.rto", "longer than the 4 h promised")
class Rto(Case):
    """The database has grown a hundredfold since the last drill."""

    def keep(self, world: World) -> None:
        world.backup()
        drill(world)

    def spoil(self, world: World) -> None:
        backup = world.control.get_one(Backup, (world.settings.backup_server, BACKUP))
        backup.cluster_bytes = 100_000


@case("restores.drill", "pg_wal cannot be read")
class Drilled(Case):
    """The next drill finds that the backup is broken."""

    def keep(self, world: World) -> None:
        drill(world)

    def spoil(self, world: World) -> None:
        reason, at = "pg_wal cannot be read", world.now
        drill(world, Outcome.BACKUP_BROKEN, reason=reason, started_at=at, finished_at=at)


@case("restores.encrypted", "The newest backup is not encrypted")
class Encrypted(Case):
    """A backup is made without the key."""

    def keep(self, world: World) -> None:
        policy(world)
        world.backup(encryption="gpg")
        world.add(verification(world, verifying.RESTORED))

    def spoil(self, world: World) -> None:
        world.backup(backup_id="20260102T000000", ended=timedelta(minutes=2))


def copied(world: World, kind: CopyKind, subject: str) -> BackupCopy:
    """A copy that was made and read back."""
    copy = copies.begin(kind, subject, location=f"file:///copies/{subject}", actor="schedule", run_id=None)
    copies.finish(copy, size_bytes=1000)
    copies.mark_proven(copy, "read back")
    world.control.flush()
    return copy


@case("restores.offsite", "The last copy failed: access denied")
class Offsite(Case):
    """The key of the other place was taken back."""

    def keep(self, world: World) -> None:
        world.configure(offsite_url="file:///elsewhere")
        copied(world, CopyKind.OFFSITE, BACKUP)

    def spoil(self, world: World) -> None:  # noqa: ARG002
        copy = copies.begin(CopyKind.OFFSITE, "20260102T000000", location="x", actor="schedule", run_id=None)
        copies.fail(copy, "access denied")


class Daily(Case):
    """A daily copy that was not made for a week."""

    kind: CopyKind

    def keep(self, world: World) -> None:
        self.copy = copied(world, self.kind, "all")

    def spoil(self, world: World) -> None:
        self.copy.started_at = self.copy.finished_at = world.now - 8 * DAY


@case("restores.files", "is 8 d old; it counts for 7 d")
class Files(Daily):
    """Of the uploaded files."""

    kind = CopyKind.FILES


@case("restores.broker", "is 8 d old; it counts for 7 d")
class Broker(Daily):
    """Of the queues."""

    kind = CopyKind.BROKER


@case("restores.control", "is 8 d old; it counts for 7 d")
class Control(Daily):
    """Of Steward's own database."""

    kind = CopyKind.CONTROL


@case("restores.tenant", "is 200 d old; it counts for 184 d")
class SingleTenant(Case):
    """Nobody has brought a tenant back for half a year."""

    def keep(self, world: World) -> None:
        self.rewind: Rewind = world.add(
            Rewind(
                tenant="acme",
                live_schema="tenant_acme",
                target_at=world.now - HOUR,
                status="discarded",
                actor="a@example.com",
                created_at=world.now - HOUR,
                ready_at=world.now,
            )
        )

    def spoil(self, world: World) -> None:
        self.rewind.ready_at = world.now - 200 * DAY
