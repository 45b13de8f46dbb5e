"""Every promise is broken in turn and turns red with its reason; one without a case fails here."""

import pytest
from flask import Flask

from dashboard.compliance.registry import State, import_clauses, list_promises
from tests.compliance import backup_cases, other_cases
from tests.compliance.cases import CASES, Case
from tests.compliance.world import World

import_clauses()
KEYS = sorted(promise.key for promise in list_promises())
assert backup_cases, other_cases


def _case(key: str) -> Case:
    assert key in CASES, f"No case breaks the promise {key}: add one to tests/compliance."
    return CASES[key]()


@pytest.mark.parametrize("key", KEYS, ids=KEYS)
def test_promise_is_kept_then_broken_and_says_why(world: World, key: str) -> None:
    found = _case(key)
    found.keep(world)
    before = world.judge(key)
    expected = State.ATTESTED if before.promise.is_attested else State.KEPT
    assert before.state is expected, f"{before.verdict.value}: {before.verdict.reason}"
    assert before.verdict.value
    assert not before.verdict.reason
    found.spoil(world)
    after = world.judge(key)
    assert after.state is State.BROKEN, f"{after.state}: {after.verdict}"
    assert found.words in after.verdict.reason.replace("\N{NO-BREAK SPACE}", " ")


def test_no_case_is_of_a_promise_that_is_no_more() -> None:
    assert set(CASES) <= set(KEYS)


@pytest.mark.parametrize("key", KEYS, ids=KEYS)
def test_nothing_known_is_never_good(world: World, key: str) -> None:
    """On a stack that has just been installed no promise is called kept without evidence."""
    line = world.judge(key)
    vacuous = {"migrations.safe"}  # nothing was migrated, and the database refuses it without a backup
    if key not in vacuous:
        assert line.state in {State.UNKNOWN, State.BROKEN, State.NOT_PROMISED}, line.verdict
        assert line.verdict.reason


@pytest.mark.parametrize("key", KEYS, ids=KEYS)
def test_promise_says_what_to_do_and_leads_somewhere(app: Flask, key: str) -> None:
    promise = next(one for one in list_promises() if one.key == key)
    assert promise.page in app.view_functions
    assert len(promise.why) > 20
    assert len(promise.fix) > 20
    assert len(list_promises()) >= 25
