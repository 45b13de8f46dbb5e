import os
import pwd
import signal
import time
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest

from dashboard.servers import Postgres, ServerError, free_port
from dashboard.servers.leftovers import find_in_folder
from dashboard.servers.pgdata import check_folder, locale_options

SMALL = {"shared_buffers": "16MB", "fsync": "off"}


def make(scratch: Path, name: str = "pg") -> Postgres:
    return Postgres(scratch / name, free_port(), "secret", SMALL)


def run(server: Postgres, statement: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(server.url("postgres"))) as link, link, link.cursor() as at:
        at.execute(statement)
        return at.fetchall() if at.description else []


def test_data_survive_a_restart_and_a_crash(scratch: Path) -> None:
    server = make(scratch)
    assert server.ensure_initialised()
    assert not server.ensure_initialised()
    server.start()
    run(server, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
    server.stop()
    assert server.pid is None
    assert server.returncode == 0
    server.start()
    server.start()  # starting twice is one server
    run(server, "INSERT INTO kept VALUES (2)")
    server.kill()
    assert server.returncode == -signal.SIGKILL
    server.start()
    assert run(server, "SELECT count(*) FROM kept") == [(2,)]
    server.stop()
    assert find_in_folder(server.folder) == []


def test_options_apply_and_alter_system_wins_over_them(scratch: Path) -> None:
    server = make(scratch)
    server.options["application_name"] = "it's \\ quoted"
    server.ensure_initialised()
    server.start()
    try:
        assert run(server, "SELECT boot_val <> setting FROM pg_settings WHERE name = 'shared_buffers'") == [
            (True,)
        ]
        with closing(psycopg2.connect(server.url("postgres"))) as link:
            link.autocommit = True
            link.cursor().execute("ALTER SYSTEM SET work_mem = '9MB'")
            link.cursor().execute("SELECT pg_reload_conf()")
        assert run(server, "SELECT lower('É')") == [("é",)]
    finally:
        server.stop()
    server.options["work_mem"] = "5MB"
    server.start()
    assert run(server, "SHOW work_mem") == [("9MB",)]
    server.stop()


def test_idle_client_does_not_hold_up_the_stop(scratch: Path) -> None:
    server = make(scratch)
    server.ensure_initialised()
    server.start()
    with closing(psycopg2.connect(server.url("postgres"))):
        begun = time.monotonic()
        server.stop()
    assert time.monotonic() - begun < 20
    assert server.returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
def test_root_gives_up_its_rights(scratch: Path) -> None:
    server = make(scratch)
    server.ensure_initialised()
    server.start()
    try:
        assert server.account is not None
        assert server.pid is not None
        process = psutil.Process(server.pid)
        assert set(process.uids()) == {server.account.uid}
        assert pwd.getpwuid(server.account.uid).pw_name in {"postgres", "nobody"}
        status = Path(f"/proc/{server.pid}/status").read_text()
        assert "\nGroups:\t \n" in status or "\nGroups:\t\n" in status
    finally:
        server.stop()


def test_server_left_by_a_killed_run_is_stopped_first(scratch: Path) -> None:
    first = make(scratch)
    first.ensure_initialised()
    first.start()
    second = Postgres(first.folder, first.port, "secret", SMALL)
    second.start()
    assert first.returncode == 0
    assert second.pid is not None
    second.stop()


def test_taken_port_is_named(scratch: Path) -> None:
    server = make(scratch)
    server.ensure_initialised()
    server.start()
    other = Postgres(scratch / "other", server.port, "secret", SMALL)
    other.ensure_initialised()
    with pytest.raises(ServerError, match=f"Port {server.port} of PostgreSQL 'other' is taken"):
        other.start()
    server.stop()


def test_wrong_superuser_password_is_said_and_nothing_runs(scratch: Path) -> None:
    server = make(scratch)
    server.ensure_initialised()
    stranger = Postgres(server.folder, server.port, "another", SMALL)
    with pytest.raises(ServerError, match="password authentication failed"):
        stranger.start()
    assert stranger.pid is None


def test_setting_postgresql_refuses_is_said_in_its_words(scratch: Path) -> None:
    server = Postgres(scratch / "pg", free_port(), "secret", {"shared_buffers": "lots", "fsync": "off"})
    server.ensure_initialised()
    with pytest.raises(ServerError, match=r"ended while starting: .*configuration file"):
        server.start()


def test_never_made_folder_cannot_be_started(scratch: Path) -> None:
    with pytest.raises(ServerError, match="holds no PostgreSQL data yet"):
        make(scratch).start()


def test_damaged_folders_are_refused_in_one_sentence(scratch: Path) -> None:
    server = make(scratch)
    server.ensure_initialised()
    version = (server.folder / "PG_VERSION").read_text()
    for content, words in (("junk\n", "is damaged"), ("13\n", "was made by PostgreSQL 13")):
        (server.folder / "PG_VERSION").write_text(content)
        with pytest.raises(ServerError, match=words):
            server.start()
    (server.folder / "PG_VERSION").write_text(version)
    (server.folder / "global" / "pg_control").rename(scratch / "pg_control")
    with pytest.raises(ServerError, match="is damaged"):
        server.start()
    (server.folder / "PG_VERSION").unlink()
    with pytest.raises(ServerError, match="holds other files"):
        server.ensure_initialised()


def test_folder_of_wrong_rights_or_kind_is_refused(scratch: Path) -> None:
    server = make(scratch)
    server.ensure_initialised()
    server.folder.chmod(0o755)
    with pytest.raises(ServerError, match=r"is open to others \(mode 755\)"):
        server.start()
    server.folder.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(server.folder, 0, 0)
        with pytest.raises(ServerError, match="does not belong to"):
            server.start()
    (scratch / "file").touch()
    with pytest.raises(ServerError, match="is a file"):
        make(scratch, "file").ensure_initialised()


def test_empty_folder_counts_as_none(scratch: Path) -> None:
    server = make(scratch)
    server.folder.mkdir(mode=0o700)
    if server.account:
        server.account.own(server.folder)
    assert not check_folder(server.folder, server.account, 18)
    assert server.ensure_initialised()


def test_urls_quote_what_they_carry(scratch: Path) -> None:
    server = make(scratch)
    assert server.url("d", "a@b", "p/w") == f"postgresql://a%40b:p%2Fw@127.0.0.1:{server.port}/d"


def test_older_majors_get_the_systems_locale() -> None:
    assert "--lc-ctype=C.UTF-8" in locale_options(14)
    assert "--locale-provider=builtin" in locale_options(17)
