"""What speaks against a switchover, and how the servers' keeper is asked; no server is needed."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.failover.switching import control as controlling
from dashboard.failover.switching.changing import slots_for
from dashboard.failover.switching.control import (
    CommandControl,
    ControlError,
    Rejoined,
    StackControl,
    Standing,
)
from dashboard.failover.switching.looking import Seen, Sender, Server, Slot, View
from dashboard.failover.switching.objections import against

PRIMARY = Server(False, 1, 10**9, None, False, "", 0)
STANDBY = Server(True, 1, 10**9, 10**9, False, "", 0)
STREAM = Sender("az-b", "streaming", 10**9, "async", 0.1)


def view(primary: Server = PRIMARY, standby: Server = STANDBY, *senders: Sender) -> View:
    return View(
        {
            "az-a": Seen(primary, senders or (STREAM,), (Slot("az_b", True), Slot("barman_main", True))),
            "az-b": Seen(standby),
        }
    )


def test_nothing_speaks_against_a_standby_that_streams() -> None:
    assert against(view(), "az-a", "az-b") == []


@pytest.mark.parametrize(
    ("seen", "words", "blocks"),
    [
        (view(PRIMARY, STANDBY, replace(STREAM, name="dr")), "does not stream from az-a", True),
        (view(PRIMARY, STANDBY, replace(STREAM, state="catchup")), "still catching up", True),
        (view(PRIMARY, replace(STANDBY, paused=True)), "is paused", True),
        (view(PRIMARY, replace(STANDBY, replayed=10)), "MiB behind", True),
        (view(PRIMARY, STANDBY, replace(STREAM, silent_seconds=7.0)), "no sign of life for 7 s", True),
        (view(replace(PRIMARY, base_backups=1)), "A base backup", False),
        (view(replace(PRIMARY, synchronous_names="dr")), "not the synchronous", False),
        (View({**view().members, "dr": Seen(error="refused")}), "dr does not answer", False),
    ],
    ids=["other", "catching up", "paused", "behind", "silent", "backup", "asynchronous", "away"],
)
def test_what_speaks_against_it_is_named(seen: View, words: str, *, blocks: bool) -> None:
    (found,) = [one for one in against(seen, "az-a", "az-b") if words in one.text]
    assert found.blocks is blocks


def test_the_new_primary_gets_the_old_ones_slots_and_one_for_it() -> None:
    assert slots_for(view(), "az-a", "az-b") == ["az_a", "barman_main"]
    assert slots_for(view(), "", "az-b") == []


KEEPER = """
import json, sys
verb, member, arguments = sys.argv[1:]
if verb == "fence":
    sys.exit("the power switch does not answer")
print("done")
if verb == "start":
    print("{no json")
elif verb == "stop":
    print(json.dumps({"clean": True, "timeline": 3, "position": 77}))
elif verb == "rejoin":
    print(json.dumps({"how": "copied", "discarded_bytes": None, "reason": member}))
elif verb == "prepare":
    assert json.loads(arguments) == {"slots": ["dr"]}
"""


@pytest.fixture
def keeper(tmp_path: Path) -> CommandControl:
    script = tmp_path / "keeper.py"
    script.write_text(KEEPER)
    return CommandControl(f"{sys.executable} {script}")


def test_a_command_of_the_deployment_is_asked(keeper: CommandControl) -> None:
    assert keeper.stop("az-a") == Standing(True, 3, 77)
    assert keeper.rejoin("az-a") == Rejoined("copied", None, "az-a")
    keeper.prepare("az-b", ["dr"])
    keeper.promote("az-b")
    keeper.tidy("az-b")
    keeper.synchronous("az-b", "")
    with pytest.raises(ControlError, match="fence az-a ended with 1: the power switch does not answer"):
        keeper.fence("az-a")
    with pytest.raises(ControlError, match="printed no JSON"):
        keeper.start("az-a")
    with pytest.raises(ControlError, match="could not be run"):
        CommandControl("/no/such/keeper").tidy("az-b")


def test_a_stack_that_does_not_run_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(controlling, "OTHERWISE", -1.0)
    with pytest.raises(ControlError, match="Does `make up` still run"):
        StackControl(tmp_path).tidy("az-b")
