"""Whom commits shall wait for, and what follows from what the probe read."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from dashboard.health.models import thaw
from dashboard.replication.judging import StandbyState
from dashboard.replication.models import Cause, DurabilityLoss, Restore, position_of
from dashboard.replication.probes import Frozen
from dashboard.replication.synchronous.configuring import address, statements
from dashboard.replication.synchronous.deciding import Step, decide
from dashboard.replication.synchronous.declared import DEGRADE_AFTER, RESTORE, STANDBY, SYNCHRONOUS
from dashboard.replication.synchronous.wanted import Wanted, choose, names_in, parameter, wanted
from dashboard.settings.models import Setting
from tests.replication.building import AA, AZ, DR, NOW, judged, own, primary, reading_of, sender, slot

MEMBERS = (AA, AZ, DR)
LATER = NOW + timedelta(seconds=60)
PATIENT = Wanted(("az-b",))
SYNC = Wanted(("az-b",), degrade_after=30, by_setting=True)


@pytest.mark.parametrize(
    ("chosen", "leader", "names"),
    [
        ("nearest", "az-a", ("az-b",)),
        ("nearest", "az-b", ("az-a",)),
        ("nearest", "dr", ("az-a",)),
        ("nearest", "", ("az-a", "az-b")),
        ("dr", "az-a", ("dr",)),
        ("az-b, dr", "az-a", ("az-b", "dr")),
        ("az-b", "az-b", ("az-a",)),
        ("nobody", "az-a", ("az-b",)),
    ],
    ids=["nearest", "moved", "from afar", "unnamed", "named", "two", "itself", "unknown"],
)
def test_commits_wait_for_the_chosen_or_the_nearest_and_never_for_the_primary(
    chosen: str, leader: str, names: tuple[str, ...]
) -> None:
    assert choose(MEMBERS, leader, chosen) == names


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("", ()),
        ("az-b", ("az-b",)),
        ('ANY 1 ("az-b", dr)', ("az-b", "dr")),
        ('FIRST 2 (a,"b ""c")', ("a", 'b "c')),
        ("1 (*)", ("*",)),
    ],
    ids=["empty", "bare", "any", "first", "star"],
)
def test_names_are_read_from_every_form_of_the_setting(value: str, names: tuple[str, ...]) -> None:
    assert names_in(value) == names


def test_setting_is_written_as_any_one_of_quoted_names() -> None:
    assert parameter(("az-b", "dr")) == 'ANY 1 ("az-b", "dr")'
    assert parameter(()) == ""
    assert names_in(parameter(("az-b", "dr"))) == ("az-b", "dr")
    assert statements("it's").splitlines()[0].endswith("= 'it''s';")


def test_what_is_declared_counts_until_somebody_sets_it(app: Flask, control: Session) -> None:
    assert wanted(MEMBERS, "az-a") == Wanted(("az-b",))
    assert wanted(MEMBERS, "az-b") == Wanted(())
    control.add_all([Setting(key=SYNCHRONOUS, value="off"), Setting(key=DEGRADE_AFTER, value=30)])
    control.flush()
    assert wanted(MEMBERS, "az-a") == Wanted((), 30, by_setting=True)


def test_setting_counts_once_somebody_set_it(app: Flask, control: Session) -> None:
    rows = {SYNCHRONOUS: "on", STANDBY: "dr", RESTORE: "by hand"}
    control.add_all([Setting(key=key, value=value) for key, value in rows.items()])
    control.flush()
    assert wanted(MEMBERS, "az-a") == Wanted(("dr",), None, restores=False, by_setting=True)


def there(**changes: Any) -> StandbyState:
    row = sender(name="az-b", sync_state="quorum", **changes)
    return judged(primary(row, slots=(slot(name="az_b"),)), own(), expected=AZ)


def away() -> StandbyState:
    return judged(primary(slots=(slot(name="az_b"),)), None, expected=AZ, own_error="refused")


def lost(**changes: Any) -> DurabilityLoss:
    return DurabilityLoss(
        **({"standby": "az-b", "cause": Cause.AUTOMATIC, "restore": Restore.AUTOMATIC} | changes)
    )


WAITING = Frozen(3, 40.0, NOW)


@pytest.mark.parametrize(
    ("reading", "loss", "step"),
    [
        (lambda: reading_of(error="refused", wanted=SYNC), None, Step.NOTHING),
        (lambda: reading_of(there(), names="az-b", wanted=SYNC), None, Step.NOTHING),
        (lambda: reading_of(away(), names="az-b", wanted=SYNC), None, Step.NOTHING),
        (lambda: reading_of(away(), names="az-b", wanted=SYNC, frozen=WAITING), None, Step.DEGRADE),
        (
            lambda: reading_of(away(), names="az-b", wanted=Wanted(("az-b",)), frozen=WAITING),
            None,
            Step.NOTHING,
        ),
        (lambda: reading_of(away(), wanted=SYNC), None, Step.NOTE),
        (lambda: reading_of(away(), wanted=SYNC), lost(), Step.NOTHING),
        (lambda: reading_of(there(), wanted=SYNC), lost(), Step.RESTORE),
        (lambda: reading_of(there(), wanted=SYNC), lost(restore=Restore.BY_HAND), Step.NOTHING),
        (lambda: reading_of(there(flush_bytes=2**21), wanted=SYNC), lost(), Step.NOTHING),
        (lambda: reading_of(there(), names="az-b", wanted=SYNC), lost(), Step.CLOSE),
        (lambda: reading_of(away(), names="az-b", wanted=SYNC), lost(), Step.NOTHING),
        (lambda: reading_of(there()), lost(), Step.DROP),
        (lambda: reading_of(there(), names="*", wanted=SYNC), None, Step.NOTHING),
    ],
    ids=[
        "primary away",
        "in force",
        "away and idle",
        "frozen too long",
        "no limit set",
        "not in force",
        "still away",
        "caught up",
        "by hand",
        "not caught up",
        "in force again",
        "set but away",
        "not wanted",
        "anybody",
    ],
)
def test_step_follows_from_the_reading(
    reading: Callable[[], dict[str, Any]], loss: DurabilityLoss | None, step: Step
) -> None:
    assert decide(thaw(reading()), loss, LATER).step is step


def test_patience_counts_from_the_first_frozen_commit() -> None:
    values = thaw(reading_of(away(), names="az-b", wanted=SYNC, frozen=WAITING))
    assert decide(values, None, NOW + timedelta(seconds=29)).step is Step.NOTHING
    decision = decide(values, None, NOW + timedelta(seconds=31))
    assert decision.reason == "3 commits had waited for 31 s; the limit is 30 s."


def test_patience_goes_by_the_primarys_clock() -> None:
    """It is an hour behind this machine's."""
    values = thaw(reading_of(away(), names="az-b", wanted=SYNC, frozen=WAITING))
    here = NOW + timedelta(hours=1)
    values["taken_at"] = here
    assert decide(values, None, here + timedelta(seconds=29)).step is Step.NOTHING
    assert decide(values, None, here + timedelta(seconds=31)).step is Step.DEGRADE


def test_loss_that_was_found_says_how_it_came() -> None:
    def reason(**last: str) -> str:
        values = reading_of(away(), wanted=SYNC, last_synchronous=last or None)
        return decide(thaw(values), None, LATER).reason

    assert "not switched on on the primary yet" in reason()
    assert "emptied outside Steward" in reason(primary="az-a", names="az-b")
    assert reason(primary="dr", names="az-b") == "az-a became the primary and waits for no copy yet."
    fresh = thaw(reading_of(away(), wanted=SYNC))
    assert decide(fresh, None, NOW + timedelta(seconds=5)).step is Step.NOTHING


def test_wal_of_a_period_is_the_distance_of_its_ends() -> None:
    assert lost(since_lsn="0/FF000000", until_lsn="1/0").bytes == 0x1000000
    assert lost(since_lsn="0/1").bytes is None
    assert position_of("1/0") == 2**32


def test_login_is_taken_to_the_server_that_is_primary_now() -> None:
    url = "postgresql+psycopg2://owner:secret@one:5432,two:5433/erp?target_session_attrs=read-write"
    found = address(url, "postgresql+psycopg2://monitor@three:6000/erp")
    assert (found["host"], found["port"], found["user"]) == ("three", "6000", "owner")
    assert "target_session_attrs" not in found
    assert address(url)["host"] == "one,two"
