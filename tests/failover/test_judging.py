"""What is judged without a server: the source of a rehearsal, its verdict, and what can be lost."""

from datetime import UTC, datetime, timedelta

import pytest
from rq.timeouts import JobTimeoutException

from dashboard.core.config import Member
from dashboard.core.errors import ConflictError
from dashboard.failover import reviewing, wording
from dashboard.failover.models import Rehearsal, Status
from dashboard.failover.patroni import client, driving
from dashboard.failover.patroni.client import Node, View
from dashboard.failover.providers import PROMOTE, SWITCH_OVER, Candidate, Standing
from dashboard.failover.rehearsal import running
from dashboard.failover.rehearsal.errors import FailoverFailedError, RehearsalBrokenError
from dashboard.failover.rehearsal.losing import Measured
from dashboard.failover.rehearsal.source import NoSourceError, Source, choose, is_synchronous, look_at
from dashboard.failover.write_probe import Write, WriteProbe
from dashboard.jobs.run import RunCancelledError, RunInterruptedError

URL = "postgresql://monitor@10.0.0.1:5433/erp"


def server(
    name: str, *, primary: bool = False, mode: str = "async", names: str = "", streams: bool = True
) -> Source:
    return Source(name, mode, URL, primary, 18, 1000, names, streams)


def measured(seconds: float = 1.0, lost: int = 0) -> Measured:
    return Measured(seconds, 100, 3, lost, 0, 3, "")


def test_standby_nobody_waits_for_is_copied_first() -> None:
    found = [server("a", primary=True, names="b"), server("b", mode="sync"), server("dr")]
    assert choose(found, {}).name == "dr"
    assert choose(found[:2], {}).name == "b"
    assert choose([found[0], server("b", streams=False)], {}).name == "a"


def test_primary_is_not_copied_when_the_copy_would_count_as_synchronous() -> None:
    with pytest.raises(NoSourceError, match="Name the standbys in it"):
        choose([server("a", primary=True, names="*")], {})


def test_without_an_answer_the_reason_of_each_server_is_told() -> None:
    member = Member(name="gone", zone="", region="", mode="async", url="postgresql://127.0.0.1:9/erp")
    found, away = look_at([member])
    with pytest.raises(NoSourceError, match="gone: "):
        choose(found, away)


def test_rehearsal_waits_for_its_standby_as_the_live_cluster_does() -> None:
    assert is_synchronous([server("a", primary=True, names="b"), server("b")])
    assert not is_synchronous([server("a", primary=True), server("b", mode="sync")])
    assert is_synchronous([server("b", mode="sync")])  # the primary is away: what is wanted counts


def test_source_is_reached_by_the_login_that_may_replicate() -> None:
    upstream = server("a").upstream("copier", "secret", "require")
    assert upstream.words == {"host": "10.0.0.1", "port": "5433", "sslmode": "require", "user": "copier"}
    assert upstream.password == "secret"


@pytest.mark.parametrize(
    ("problem", "status", "words"),
    [
        (FailoverFailedError("no writes"), Status.FAILED, "no writes"),
        (RehearsalBrokenError("no room"), Status.BROKEN, "no room"),
        (RunCancelledError(), Status.BROKEN, "Cancelled"),
        (RunInterruptedError(), Status.BROKEN, "stopped in the middle"),
        (JobTimeoutException(), Status.BROKEN, "longer than its limit"),
        (ConflictError("No backup.", fix="Make one."), Status.BROKEN, "No backup. Make one."),
        (KeyError("x"), Status.BROKEN, "KeyError"),
    ],
    ids=["failed", "broken", "cancelled", "interrupted", "timeout", "refused", "bug"],
)
def test_broken_rehearsal_is_told_from_a_failover_that_fails(
    problem: BaseException, status: Status, words: str
) -> None:
    verdict, said = running.judge(problem)
    assert verdict == status
    assert words in said


def test_long_outage_and_rows_lost_in_spite_of_waiting_are_shortfalls() -> None:
    assert running.shortfalls(measured(), 10_000, is_synchronous=True) == []
    assert "promised" in running.shortfalls(measured(11), 10_000, is_synchronous=True)[0]
    assert "3 acknowledged rows" in running.shortfalls(measured(lost=3), 10_000, is_synchronous=True)[0]
    assert running.shortfalls(measured(lost=3), 10_000, is_synchronous=False) == []


def test_outage_is_the_longest_gap_after_the_moment() -> None:
    probe = WriteProbe("")
    assert probe.outage(5) is None
    probe.writes = [Write(n, at, n * 100) for n, at in enumerate((0.0, 2.5, 5.0, 6.5, 6.6, 7.0))]
    probe.failures = [(5.5, "refused"), (6.0, "refused")]
    found = probe.outage(5.2)
    assert found is not None
    assert (found.seconds, found.failures, found.last_position) == (1.5, 2, 200)
    after = probe.outage(7.0)
    assert after is not None
    assert after.seconds is None  # nothing was written again


def test_what_can_be_lost_is_said_and_never_guessed() -> None:
    standing = Standing(None, primary="az-a")
    near = Candidate("az-b", "streaming", behind_bytes=0, behind_seconds=0.0)
    far = Candidate("dr", "streaming", behind_bytes=2048, behind_seconds=3.0)
    unknown = Candidate("dr", "missing")
    assert wording.at_stake(SWITCH_OVER, standing, far).startswith("Nothing: it is 2")
    assert "hands over everything" in wording.at_stake(SWITCH_OVER, standing, unknown)
    assert wording.at_stake(PROMOTE, standing, near).startswith("Nothing that was acknowledged")
    assert "the last 3" in wording.at_stake(PROMOTE, standing, far)
    assert wording.at_stake(PROMOTE, standing, unknown).startswith("Not known")
    assert wording.at_stake("rejoin", standing, far) == ""


def test_promotion_warns_of_a_living_primary_and_of_a_better_standby() -> None:
    near = Candidate("az-b", "streaming", behind_bytes=0)
    far = Candidate("dr", "streaming", behind_bytes=2048)
    standing = Standing(None, primary="az-a", candidates=[near, far], writers=["az-a", "az-b"])
    said = " ".join(wording.warnings(PROMOTE, standing, far))
    for words in ("is old", "both take writes", "az-a answers", "az-b has 2"):
        assert words in said
    assert "az-b has" not in " ".join(wording.warnings(PROMOTE, standing, near))


def test_every_page_names_the_servers() -> None:
    standing = Standing(None)
    for provider, pages in (("streaming", wording.STREAMING), ("patroni", wording.PATRONI)):
        for action in pages:
            page = wording.page_of(provider, action)
            text = " ".join(
                [*wording.will_happen(page, standing, "az-b"), *wording.steps_of(page, standing, "az-b")]
            )
            assert "{" not in text


def test_steps_lie_in_time_and_one_under_way_reaches_to_now() -> None:
    begun = datetime.now(UTC) - timedelta(seconds=10)

    def step(name: str, after: float, seconds: float, state: str = "done") -> dict[str, object]:
        began = begun + timedelta(seconds=after)
        return {"name": name, "began_at": began.isoformat(), "seconds": seconds, "text": "", "state": state}

    row = Rehearsal(steps=[step("copy", 0, 5), step("first_write", 5, 0), step("odd", 5, 0, "running")])
    copy, write, odd = reviewing.bars(row, begun + timedelta(seconds=10))
    assert (copy.title, copy.begins, round(copy.share)) == ("Copy", 0.0, 50)
    assert write.share == reviewing.LEAST_SHARE
    assert (odd.title, round(odd.begins + odd.share)) == ("Odd", 100)
    assert reviewing.bars(Rehearsal(steps=[])) == []


def test_patronis_answer_of_older_and_newer_versions_is_read() -> None:
    node = client._node(
        {"name": "a", "role": "master", "state": "running", "lag": "unknown", "tags": {"nofailover": 1}}
    )
    assert (node.is_leader, node.is_up, node.lag, node.is_excluded) == (True, True, None, True)
    assert client._event([1, 25, "reason"]).leader == ""


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (Node("b", "replica", "stopped"), "is stopped"),
        (Node("b", "replica", "streaming", is_excluded=True), "nofailover"),
        (Node("b", "leader", "running"), "leads already"),
        (Node("c", "replica", "streaming"), "knows no member b"),
    ],
    ids=["down", "excluded", "leader", "unknown"],
)
def test_member_that_cannot_lead_is_refused_before_patroni_is_asked(node: Node, words: str) -> None:
    with pytest.raises(ConflictError, match=words):
        driving.check(View([node]), driving.SWITCHOVER, "b")


def test_switchover_needs_a_leader() -> None:
    view = View([Node("b", "replica", "streaming")])
    with pytest.raises(ConflictError, match="Nobody leads"):
        driving.check(view, driving.SWITCHOVER, "b")
    assert driving.check(view, driving.FAILOVER, "b") == (None, view.nodes[0])


def test_address_of_patroni_has_a_scheme() -> None:
    with pytest.raises(client.PatroniError, match="begins with http"):
        client.of_settings("file:///etc/passwd", {})
    with pytest.raises(client.PatroniError, match="No address"):
        client.of_settings("", {}).look()
