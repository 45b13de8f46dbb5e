"""How long backups are kept: Barman with a moved clock, the forecast, the settings, keeping one."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dashboard.backups import barman as engine_module
from dashboard.backups import keeping_barman, safekeeping
from dashboard.backups.barman import Barman
from dashboard.backups.copies.offsite import proving, repository
from dashboard.backups.drills.models import Verification
from dashboard.backups.models import Backup
from dashboard.backups.retention import Policy, forecast, policy_file, write_policy
from dashboard.core.config import Settings
from dashboard.core.errors import ConflictError, NotFoundError, UnavailableError
from dashboard.health.service import store_reading
from dashboard.jobs.models import JobRun
from dashboard.jobs.store import control_transaction
from dashboard.servers import scratch_folder
from dashboard.settings.models import Setting
from tests.cluster import Cluster

NOW = datetime.now(UTC)
CLOCK = """
import datetime as module, os
real = module.datetime
shift = module.timedelta(days=float(os.environ["MOVED_DAYS"]))
class Kind(type):
    def __instancecheck__(cls, one): return isinstance(one, real)
    def __subclasscheck__(cls, one): return issubclass(one, real)
class Moved(real, metaclass=Kind):
    @classmethod
    def now(cls, tz=None): return real.now(tz) + shift
module.datetime = Moved
"""


@pytest.fixture
def move_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let Barman's own process think it is some days later; nothing else is moved."""
    (tmp_path / "sitecustomize.py").write_text(CLOCK)
    usual = engine_module.environment

    def move(days: int) -> None:
        moved = {"PYTHONPATH": str(tmp_path), "MOVED_DAYS": str(days)}
        monkeypatch.setattr(engine_module, "environment", lambda: usual() | moved)

    return move


@pytest.fixture
def home() -> Iterator[Path]:
    with scratch_folder() as folder:
        yield folder


def lay(template: Path, root: Path, backup_id: str, status: str = "DONE") -> None:
    """Put a real backup into another repository as of another time."""
    at = datetime.strptime(backup_id, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    source = template.name.removesuffix(repository.INFO_SUFFIX)
    shutil.copytree(template.parents[1] / "base" / source, root / "base" / backup_id)
    values = {"status": status, "begin_time": at.isoformat(" "), "end_time": at.isoformat(" ")}
    lines = [
        f"{name}={values.get(name, value)}"
        for name, _, value in (line.partition("=") for line in template.read_text().splitlines())
    ]
    (root / "meta").mkdir(parents=True, exist_ok=True)
    (root / "meta" / f"{backup_id}{repository.INFO_SUFFIX}").write_text("\n".join(lines) + "\n")


def named(days_ago: int) -> str:
    return f"{NOW - timedelta(days=days_ago):%Y%m%dT%H%M%S}"


@pytest.mark.slow
@pytest.mark.xdist_group("cluster")
def test_barman_removes_what_is_out_of_the_window_and_never_the_last_good_one(
    whole_cluster: Cluster, home: Path, move_clock: Callable[[int], None]
) -> None:
    real = whole_cluster.layout.barman / "main"
    held = [one for one in repository.list_backups(real) if one.kind == "full"]
    if not held:
        whole_cluster.barman("backup", "--wait", "main")
        held = [one for one in repository.list_backups(real) if one.kind == "full"]
    template = real / "meta" / f"{held[-1].backup_id}{repository.INFO_SUFFIX}"
    config = proving.write_config(home, "main", whole_cluster.layout.bin)
    (home / "servers.d").mkdir()
    text = config.read_text().replace(
        "[barman]\n", f"[barman]\nconfiguration_files_directory = {home}/servers.d\n"
    )
    config.write_text(text)
    (home / "servers.d" / "main.policy.conf").touch()
    path = policy_file(config, "main")
    assert path is not None
    write_policy(path, "main", Policy(30, 1))
    old, middle, newest, failed = named(20), named(10), named(2), named(1)
    for backup_id in (old, middle, newest):
        lay(template, home / "main", backup_id)
    lay(template, home / "main", failed, status="FAILED")
    barman = Barman(config, "main")

    def good() -> list[str]:
        return sorted(entry.backup_id for entry in barman.list_backups() if entry.status == "DONE")

    def after(days: int) -> list[str]:
        move_clock(days)
        barman.cron()
        return good()

    facts = keeping_barman.read_server(barman)
    assert (facts.retention_policy, facts.minimum_redundancy) == ("RECOVERY WINDOW OF 30 DAYS", 1)
    rows = [row(backup_id, days_ago=0, end_at=moment(backup_id)) for backup_id in (old, middle, newest)]
    goes = {one.backup_id: one.at for one in forecast(rows, Policy(30, 1))}
    assert goes == {
        old: moment(middle) + timedelta(days=30),
        middle: moment(newest) + timedelta(days=30),
        newest: None,
    }
    assert after(19) == [old, middle, newest]  # middle is 29 days old: the window still needs the older one
    assert after(21) == [middle, newest]  # just as forecast
    keeping_barman.keep(barman, middle)
    assert keeping_barman.list_kept(barman) == [middle]
    assert after(400) == [middle, newest]  # a failed one is newer, but does not count as good
    keeping_barman.release(barman, middle)
    assert after(400) == [newest]
    assert after(4000) == [newest]


def moment(backup_id: str) -> datetime:
    return datetime.strptime(backup_id, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def row(backup_id: str, *, days_ago: float, **changes: object) -> Backup:
    values = {"kind": "full", "status": "DONE", "end_at": NOW - timedelta(days=days_ago), "size_bytes": 10}
    return Backup(server="main", backup_id=backup_id, **(values | changes))


def test_what_goes_next_takes_what_stands_on_it_along() -> None:
    rows = [
        row("20260101T000000", days_ago=20),
        row("20260101T010000", days_ago=19, kind="incremental", parent_id="20260101T000000"),
        row("20260101T020000", days_ago=19, kind="incremental", parent_id="20260101T010000"),
        row("20260110T000000", days_ago=10),
        row("20260111T000000", days_ago=9, status="FAILED"),
    ]
    first, last = forecast(rows, Policy(30, 1))
    assert (first.children, first.size_bytes) == (2, 30)
    assert first.at == NOW + timedelta(days=20)
    assert "20260110T000000 alone reaches back 30 days" in first.why
    assert (last.at, "newest good one" in last.why) == (None, True)
    assert [one.at for one in forecast(rows, Policy(30, 2))] == [None, None]
    [kept, _] = forecast(rows, Policy(30, 1), kept=["20260101T000000"])
    assert (kept.at, "until somebody releases" in kept.why) == (None, True)
    assert forecast([], Policy(30, 1)) == []


def test_only_a_barman_that_is_ours_is_written_to(tmp_path: Path) -> None:
    config = tmp_path / "barman.conf"
    assert policy_file(config, "main") is None  # there is none
    config.write_text("[barman]\nbarman_home = /nowhere\n")
    assert policy_file(config, "main") is None  # no folder of files
    config.write_text(f"[barman]\nconfiguration_files_directory = {tmp_path}\n")
    assert policy_file(config, "main") is None  # somebody else's
    (tmp_path / "main.policy.conf").touch()
    path = policy_file(config, "main")
    assert path is not None
    assert write_policy(path, "main", Policy(7, 0)) is True
    assert "RECOVERY WINDOW OF 7 DAYS" in path.read_text()
    assert "minimum_redundancy = 1" in path.read_text()  # never none at all
    assert write_policy(path, "main", Policy(7, 0)) is False


def facts(**server: object) -> dict[str, object]:
    values = {"retention_policy": "RECOVERY WINDOW OF 30 DAYS", "minimum_redundancy": 1}
    return {"server": values | server, "owned": False}


def test_a_policy_other_than_the_agreed_one_is_said() -> None:
    agreed = Policy(30, 1)
    assert [one.level for one in safekeeping.judge_retention(facts(), agreed)] == ["ok"]
    [other] = safekeeping.judge_retention(facts(retention_policy="REDUNDANCY 3"), agreed)
    assert "Barman works by REDUNDANCY 3, agreed is RECOVERY WINDOW OF 30 DAYS." in other.text
    [fewer] = safekeeping.judge_retention(facts(), Policy(30, 2))
    assert "keeps at least 1, agreed is 2" in fewer.text
    none, _ = safekeeping.judge_retention(facts(minimum_redundancy=0), agreed)
    assert none.level == "critical"
    assert "last good backup" in none.text


def test_the_setting_is_what_counts(control: Session) -> None:
    assert safekeeping.agreed_policy() == Policy(30, 1)
    control.add(Setting(key="backups.retention_days", value=90))
    control.flush()
    assert safekeeping.agreed_policy().words == "RECOVERY WINDOW OF 90 DAYS"


def test_a_barman_that_is_away_is_said_on_the_page(
    control: Session, settings: Settings, login: Callable[..., FlaskClient]
) -> None:
    away = Barman(Path("/nowhere/barman.conf"), "main")
    assert "does not exist" in safekeeping.review(away, settings)["error"]
    control.commit()
    html = login("dba").get("/database/backups/keeping/").text
    assert "does not exist" in html
    with pytest.raises(NotFoundError):
        safekeeping.keep(away, "20260101T000000")
    control.add(row("20260101T000000", days_ago=1))
    control.add(row("20260101T010000", days_ago=1, kind="incremental", parent_id="20260101T000000"))
    control.flush()
    with pytest.raises(UnavailableError):
        safekeeping.keep(away, "20260101T000000")
    with pytest.raises(ConflictError, match="full backup"):
        safekeeping.keep(away, "20260101T010000")


def test_the_last_good_one_is_not_looked_for_while_the_newest_is_not_broken(control: Session) -> None:
    away = Barman(Path("/nowhere/barman.conf"), "main")
    assert safekeeping.keep_last_good(away) == ""
    control.add(row("20260101T000000", days_ago=1))
    control.flush()
    assert safekeeping.keep_last_good(away) == ""
    control.add(Verification(server="main", backup_id="20260101T000000", method="checksum", passed=False))
    control.flush()
    assert safekeeping.keep_last_good(away) == ""  # there is no other


def test_the_page_shows_what_goes_next_and_asks_to_keep(
    control: Session, login: Callable[..., FlaskClient]
) -> None:
    control.add(row("20260101T000000", days_ago=20))
    control.add(row("20260110T000000", days_ago=10))
    server = {
        "retention_policy": "RECOVERY WINDOW OF 30 DAYS",
        "minimum_redundancy": 1,
        "encryption": "gpg",
        "encryption_key": "AB12",
        "has_passphrase_command": True,
        "archives": False,
        "streams": True,
        "follows_primary": True,
        "expects_standby": False,
        "in_recovery": False,
        "connection_error": "",
    }
    key = {"fingerprint": "AB12", "has_secret": True, "expires_at": None, "problem": ""}
    read = {"server": server, "kept": ["20260110T000000"], "key": key, "owned": True}
    store_reading(safekeeping.READING, read | {"sources": ["primary"], "unknown": []})
    control.commit()
    browser = login("dba")
    html = browser.get("/database/backups/keeping/").text
    assert "Then 20260110T000000 alone reaches back 30 days." in html
    assert 'aria-label="Keep 20260101T000000"' in html
    assert 'aria-label="Release 20260110T000000"' in html
    assert "AB12" in html
    try:
        assert browser.post("/database/backups/20260101T000000/keep").status_code == 302
        assert browser.post("/database/backups/20260110T000000/release").status_code == 302
        runs = control.scalars(select(JobRun).where(JobRun.job == "backups.keep")).all()
        asked = sorted((run.args["backup_id"], run.args["released"]) for run in runs)
        assert asked == [("20260101T000000", False), ("20260110T000000", True)]
    finally:
        with control_transaction() as session:
            session.execute(delete(JobRun).where(JobRun.job == "backups.keep"))


def test_staff_see_nothing_of_it(login: Callable[..., FlaskClient]) -> None:
    assert login("staff", "acme").get("/database/backups/keeping/").status_code == 403
