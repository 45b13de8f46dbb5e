"""Encrypted backups, with a throw-away key: restored for real with it, refused without it."""

import gzip
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.backups import encryption, safekeeping
from dashboard.backups.barman import Barman, BarmanError, environment
from dashboard.backups.drills.models import Verification
from dashboard.backups.models import Backup
from dashboard.core.config import CHECKOUT, Settings
from dashboard.servers import scratch_folder
from dashboard.stack import barman as stack_barman
from dashboard.stack.layout import ERP_DATABASE, NO_ARCHIVE, Layout
from dashboard.stack.options import StackError, StackOptions
from dashboard.stack.state import State
from tests.backups.safe_cluster import restored, second_barman
from tests.cluster import Cluster, wait_until

needs_gpg = pytest.mark.skipif(
    shutil.which("gpg") is None or shutil.which("file") is None, reason="gpg and file are not installed"
)
PASSPHRASE = "only for this test"  # of a key that lives as long as the test
NOW = datetime.now(UTC)


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A key ring of its own, far from any data folder."""
    with scratch_folder() as folder:
        home = folder / "gpg"
        home.mkdir(mode=0o700)
        (home / "passphrase").write_text(PASSPHRASE)
        monkeypatch.setenv("GNUPGHOME", str(home))
        yield home
        subprocess.run(
            [shutil.which("gpgconf") or "gpgconf", "--kill", "gpg-agent"],
            check=False,
            env=environment(),
            timeout=20,
        )


def gpg(*arguments: str, given: str = "") -> str:
    options = ["--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", PASSPHRASE]
    done = subprocess.run(
        [shutil.which("gpg") or "gpg", *options, *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
        timeout=60,
    )
    return done.stdout


def make_key(expires: str = "never", usage: str = "encrypt,sign") -> str:
    mail = f"{uuid4().hex[:8]}@example.com"
    gpg("--quick-generate-key", mail, "rsa2048", usage, expires)
    return encryption.find_key(mail, environment()).fingerprint


@needs_gpg
@pytest.mark.slow
@pytest.mark.xdist_group("cluster")
def test_an_encrypted_backup_is_restored_with_the_key_and_refused_without_it(
    whole_cluster: Cluster, settings: Settings, control: Session, ring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, word = make_key(), uuid4().hex
    whole_cluster.sql("CREATE TABLE IF NOT EXISTS sealed (t text)")
    command = f"cat '{ring / 'passphrase'}'"
    with second_barman(whole_cluster, "enc", backup_key=key, passphrase_command=command) as layout:
        engine = Barman(layout.barman_config, "main")
        backup_id = engine.backup(lambda _line: None)
        assert engine.show_backup(backup_id).encryption == "gpg"
        whole_cluster.sql(f"INSERT INTO sealed VALUES ('{word}')")
        engine.switch_wal()

        server_folder = layout.barman / "main"
        archive = server_folder / "base" / backup_id / "data" / "base.tar.gz.gpg"
        with pytest.raises(gzip.BadGzipFile), gzip.open(archive) as stream:
            stream.read(1)
        wals = [path for path in server_folder.glob("wals/*/*") if len(path.name) == 24]
        assert wals
        assert not any(path.read_bytes()[:2] == b"\x1f\x8b" for path in wals)  # none is only compressed
        assert not any((server_folder / "errors").iterdir())  # no unencrypted duplicates

        assert rows_with(layout, backup_id, word) == 1

        safekeeping.review(engine, whole_cluster.settings(settings))
        facts = safekeeping.facts_of(safekeeping.get_policy())
        assert facts["key"]["fingerprint"] == key
        assert [finding.level for finding in safekeeping.judge_encryption(facts)] == ["ok"]

        with scratch_folder() as empty:  # a machine that has the backups, but not the key
            monkeypatch.setenv("GNUPGHOME", str(empty))
            with pytest.raises(BarmanError, match="No secret key"):
                rows_with(layout, backup_id, word)
            safekeeping.review(engine, whole_cluster.settings(settings))
            facts = safekeeping.facts_of(safekeeping.get_policy())
            texts = [finding.text for finding in safekeeping.judge_encryption(facts)]
            assert any("not in the key ring" in text for text in texts)


def rows_with(layout: Layout, backup_id: str, word: str) -> int:
    """Restore from this Barman alone and count the rows that hold a word."""
    with (
        restored(layout, backup_id) as server,
        closing(psycopg2.connect(server.url(ERP_DATABASE))) as link,
        link.cursor() as at,
    ):
        at.execute("SELECT count(*) FROM sealed WHERE t = %s", (word,))
        (count,) = at.fetchone() or (0,)
        return int(count)


@needs_gpg
def test_a_key_that_cannot_be_used_is_said_to_be_so(ring: Path) -> None:
    good = encryption.find_key(make_key(), environment())
    assert (good.problem, good.has_secret, good.expires_at) == ("", True, None)
    signing = encryption.find_key(make_key(usage="sign"), environment())
    assert "not made for encrypting" in signing.problem
    short = make_key(expires="seconds=1")
    wait_until(lambda: "expired" in encryption.find_key(short, environment()).problem, 10)
    assert "not in the key ring" in encryption.find_key("nobody@example.com", environment()).problem


@needs_gpg
def test_a_public_key_alone_makes_backups_only_when_it_is_trusted(
    ring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key()
    public = gpg("--armor", "--export", key)
    with scratch_folder() as other:
        monkeypatch.setenv("GNUPGHOME", str(other))
        gpg("--import", given=public)
        assert "not trusted" in encryption.find_key(key, environment()).problem
        gpg("--import-ownertrust", given=f"{key}:6:\n")
        found = encryption.find_key(key, environment())
        assert (found.problem, found.has_secret) == ("", False)


def test_without_gpg_it_is_said_that_it_is_missing() -> None:
    assert "not installed" in encryption.find_key("x", {"PATH": "/nowhere"}).problem


def read(key: dict[str, Any] | None = None, **server: Any) -> dict[str, Any]:
    facts = {"encryption": "gpg", "has_passphrase_command": True, "archives": False, "streams": True}
    good = {"problem": "", "has_secret": True, "expires_at": None}
    return {"server": facts | server, "key": good | (key or {})}


@pytest.mark.parametrize(
    ("seen", "level", "words"),
    [
        (read(), "ok", "the key is here"),
        (read({"problem": "It is revoked."}), "critical", "revoked"),
        (read({"has_secret": False}), "warning", "cannot be restored here"),
        (read({"expires_at": NOW + timedelta(days=3)}), "warning", "expires within a month"),
        (read(has_passphrase_command=False), "critical", "restores fail"),
        (read(archives=True), "warning", "errors folder"),
    ],
)
def test_encryption_is_judged(seen: dict[str, Any], level: str, words: str) -> None:
    [finding] = safekeeping.judge_encryption(seen)
    assert finding.level == level
    assert words in finding.text


def test_nothing_is_said_of_keys_where_nothing_is_encrypted() -> None:
    assert safekeeping.judge_encryption(read(encryption="")) == []


def test_only_a_drill_of_an_encrypted_backup_proves_the_key(
    control: Session, login: Callable[..., FlaskClient]
) -> None:
    for backup_id, sealed in (("20260101T000000", "gpg"), ("20260102T000000", None)):
        control.add(Backup(server="main", backup_id=backup_id, status="DONE", encryption=sealed))
        control.flush()
    control.add(
        Verification(server="main", backup_id="20260102T000000", method="restored", passed=True, at=NOW)
    )
    control.flush()
    assert safekeeping.find_encryption_proof("main") is None
    control.add(
        Verification(server="main", backup_id="20260101T000000", method="restored", passed=True, at=NOW)
    )
    control.commit()
    assert safekeeping.find_encryption_proof("main") == NOW
    assert login("dba").get("/database/backups/keeping/").status_code == 200


def options(home: Path, **extra: str) -> StackOptions:
    return StackOptions.read({"STEWARD_HOME": str(home), "HOME": "/root-of-somebody", **extra})


def test_the_key_must_lie_apart_from_the_backups(tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere" / "passphrase"
    secret.parent.mkdir()
    secret.write_text(PASSPHRASE)
    home = tmp_path / "home"
    file = {"STEWARD_BACKUP_PASSPHRASE_FILE": str(secret)}
    with pytest.raises(StackError, match=r"GNUPGHOME=.* lies inside"):
        options(home, STEWARD_BACKUP_KEY="AB12", GNUPGHOME=str(home / "gpg"), **file)
    with pytest.raises(StackError, match=r"GNUPGHOME=.* lies inside"):
        options(home, STEWARD_BACKUP_KEY="AB12", GNUPGHOME=str(CHECKOUT / "gpg"), **file)
    with pytest.raises(StackError, match="could be restored"):
        options(home, STEWARD_BACKUP_KEY="AB12")
    with pytest.raises(StackError, match="is not a file"):
        options(home, STEWARD_BACKUP_PASSPHRASE_FILE=str(tmp_path / "nothing"))
    with pytest.raises(StackError, match="fingerprint"):
        options(home, STEWARD_BACKUP_KEY="AB12\nconninfo = x", **file)
    chosen = options(home, STEWARD_BACKUP_KEY="AB12", **file)
    assert chosen.passphrase_command == f"cat {secret}"
    command = options(home, STEWARD_BACKUP_PASSPHRASE_COMMAND="pass show backups")
    assert command.passphrase_command == "pass show backups"


def test_the_stack_receives_encrypted_wal_one_way_only() -> None:
    with scratch_folder() as home:
        chosen = StackOptions(home, 1, "a@example.com", None, "none", 1, None, "AB12", "cat /x")
        layout = Layout(chosen, State(home / "state.json"))
        stack_barman.prepare(layout)
        written = (layout.barman / "servers.d" / "main.conf").read_text()
        assert "archiver = off" in written
        assert "encryption_key_id = AB12" in written
        assert (layout.barman / "servers.d" / "main.conf").stat().st_mode & 0o077 == 0
        assert layout._erp_options()["archive_command"] == NO_ARCHIVE
