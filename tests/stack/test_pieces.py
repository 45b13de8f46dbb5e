"""Options, state, lock and the other small parts, without any server."""

import io
import os
import stat
import sys
from pathlib import Path

import pytest

from dashboard.stack import commands
from dashboard.stack.__main__ import main
from dashboard.stack.console import Console
from dashboard.stack.layout import archive_command, find_program
from dashboard.stack.lock import StackLock, holder, wait_until_free
from dashboard.stack.options import StackError, StackOptions
from dashboard.stack.requests import Requests
from dashboard.stack.start import ask_readiness
from dashboard.stack.state import load_state


def test_defaults_need_no_settings() -> None:
    options = StackOptions.read({})
    assert (options.port, options.demo, options.standbys, options.admin_password) == (8000, "demo", 2, None)
    assert options.home.name == ".steward"
    assert options.url == "http://127.0.0.1:8000"


def test_settings_are_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    options = StackOptions.read(
        {
            "STEWARD_HOME": str(tmp_path),
            "STEWARD_PORT": "81",
            "STEWARD_DEMO": "none",
            "STEWARD_STANDBYS": "0",
            "STEWARD_ADMIN_EMAIL": "a@b.example",
            "STEWARD_ADMIN_PASSWORD_FILE": str(tmp_path / "secret"),
            "STEWARD_PG_BIN": "/opt/pg/bin",
        }
    )
    assert options == StackOptions(tmp_path, 81, "a@b.example", "from a file", "none", 0, Path("/opt/pg/bin"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STEWARD_PORT", "0"),
        ("STEWARD_PORT", "http"),
        ("STEWARD_PORT", "70000"),
        ("STEWARD_DEMO", "huge"),
        ("STEWARD_STANDBYS", "3"),
        ("STEWARD_ADMIN_PASSWORD_FILE", "/no/such/file"),
    ],
)
def test_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(StackError, match=name):
        StackOptions.read({name: value})


def test_state_keeps_ports_and_passwords(tmp_path: Path) -> None:
    state = load_state(tmp_path)
    port, password = state.port("erp"), state.password("app")
    assert state.port("control") != port
    state.mark("demo", "small")
    again = load_state(tmp_path)
    assert (again.port("erp"), again.password("app"), again.done) == (port, password, {"demo": "small"})
    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600


def test_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    load_state(tmp_path)
    (tmp_path / "thesis.doc").touch()
    with pytest.raises(StackError, match=r"holds other files \(thesis.doc\)"):
        load_state(tmp_path)
    load_state(tmp_path / "none")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"ports": 1, "passwords": {}, "done": {}}'])
def test_damaged_state_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content)
    with pytest.raises(StackError, match=r"state.json is damaged"):
        load_state(tmp_path)


def test_unreadable_state_is_said(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    with pytest.raises(StackError, match="cannot be read"):
        load_state(tmp_path)


def test_lock_is_held_by_one(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with StackLock(tmp_path):
        assert holder(tmp_path) == os.getpid()
        assert not wait_until_free(tmp_path, 0.1)
        with pytest.raises(StackError, match="already running"), StackLock(tmp_path):
            pass
    assert holder(tmp_path) is None
    assert wait_until_free(tmp_path, 0.1)


def test_requests_are_taken_once(tmp_path: Path) -> None:
    requests = Requests(tmp_path)
    requests.put("dr", "stop")
    assert requests.take("erp") is None
    assert requests.take("dr") == "stop"
    assert requests.take("dr") is None
    requests.put("dr", "start")
    requests.clear()
    assert requests.take("dr") is None


def test_closed_terminal_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError

    monkeypatch.setattr(sys, "stdout", Closed())
    console = Console(tmp_path / "log")
    console.say("still logged")
    console.plain("not logged", secret=True)
    text = (tmp_path / "log").read_text()
    assert "still logged" in text
    assert "not logged" not in text


def test_archive_command_copies_whole_files(tmp_path: Path) -> None:
    incoming = tmp_path / "in coming"
    incoming.mkdir()
    (tmp_path / "wal").write_text("x" * 100)
    command = archive_command(incoming).replace("%p", str(tmp_path / "wal")).replace("%f", "0001")
    assert os.system(command) == 0  # noqa: S605 - as PostgreSQL runs it
    assert [path.name for path in incoming.iterdir()] == ["0001"]
    assert "100%%" in archive_command(Path("/srv/100%"))


def test_programs_are_found_beside_the_interpreter() -> None:
    assert Path(find_program("barman")).is_absolute()
    assert find_program("no-such-program") == "no-such-program"


def test_unreachable_product_is_not_ready() -> None:
    assert "refused" in ask_readiness("http://127.0.0.1:9")


def test_unusable_data_folder_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STEWARD_HOME", str(tmp_path / "file" / "home"))
    assert main(["up"]) == 1
    assert "cannot be used: Not a directory" in capsys.readouterr().err
    monkeypatch.setenv("STEWARD_HOME", str(tmp_path))
    assert main(["up"]) == 1
    assert main(["reset", "--yes"]) == 1
    assert (tmp_path / "file").exists()
    assert main(["status"]) == 1
    assert main(["down"]) == 0


def test_closed_input_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert not commands.ask("Sure? ")


def test_address_of_a_running_stack_comes_from_its_file(tmp_path: Path) -> None:
    options = StackOptions.read({"STEWARD_HOME": str(tmp_path)})
    assert commands.running_url(options) == "http://127.0.0.1:8000"
    (tmp_path / "stack.env").write_text("# c\nSTEWARD_BASE_URL=http://127.0.0.1:9999\n")
    assert commands.running_url(options) == "http://127.0.0.1:9999"
