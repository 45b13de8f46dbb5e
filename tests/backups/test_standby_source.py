"""Base backups read from a standby, and what Steward says of the server that Barman reads."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from sqlalchemy.orm import Session

from dashboard.backups import keeping_barman, safekeeping
from dashboard.backups.barman import Barman
from dashboard.core.config import Settings
from dashboard.servers import scratch_folder
from dashboard.stack import barman as stack_barman
from dashboard.stack.layout import ERP_DATABASE, Layout
from dashboard.stack.options import StackError, StackOptions
from dashboard.stack.state import State
from tests.backups.safe_cluster import restored, second_barman
from tests.cluster import Cluster, wait_until


@pytest.mark.slow
@pytest.mark.xdist_group("cluster")
def test_a_backup_is_taken_from_the_standby_and_restored(
    whole_cluster: Cluster, settings: Settings, control: Session
) -> None:
    word = uuid4().hex
    whole_cluster.sql("CREATE TABLE IF NOT EXISTS from_standby (t text)")
    with second_barman(whole_cluster, "sb", backup_source="az-b") as layout:
        engine = Barman(layout.barman_config, "main")
        # A standby's backup begins at its last restart point, which may lie before this receiver's first WAL.
        whole_cluster.sql("CHECKPOINT")
        written = whole_cluster.sql("SELECT pg_current_wal_lsn()::text")
        replayed = f"SELECT pg_last_wal_replay_lsn() >= '{written}'"
        wait_until(lambda: whole_cluster.sql(replayed, on="az-b"), 20, "az-b does not follow")
        whole_cluster.sql("CHECKPOINT", on="az-b")
        backup_id = engine.backup(lambda _line: None)
        info = (layout.barman / "main" / "meta" / f"{backup_id}-backup.info").read_text()
        assert "BACKUP FROM: standby" in info
        assert engine.show_backup(backup_id).status == "DONE"
        # What is written after it on the primary comes back too: WAL is received from there.
        whole_cluster.sql(f"INSERT INTO from_standby VALUES ('{word}')")
        engine.switch_wal()
        with (
            restored(layout, backup_id) as server,
            closing(psycopg2.connect(server.url(ERP_DATABASE))) as link,
            link.cursor() as at,
        ):
            at.execute("SELECT count(*) FROM from_standby WHERE t = %s", (word,))
            assert at.fetchone() == (1,)

        observed = whole_cluster.settings(settings)
        safekeeping.review(engine, observed)
        facts = safekeeping.facts_of(safekeeping.get_policy())
        assert facts["sources"] == ["az-b"]
        [finding] = safekeeping.judge_source(facts)
        assert (finding.level, "standby az-b" in finding.text) == ("ok", True)

        # The usual trap: a standby in conninfo that Barman was told is the primary.
        (layout.barman / "servers.d" / "main.zz-trap.conf").write_text("[main]\nprimary_conninfo =\n")
        safekeeping.review(engine, observed)
        facts = safekeeping.facts_of(safekeeping.get_policy())
        [finding] = safekeeping.judge_source(facts)
        assert finding.level == "critical"
        assert "it is a standby: its slot is there" in finding.text


@pytest.fixture
def layout() -> Iterator[Layout]:
    with scratch_folder() as home:
        options = StackOptions(home, 1, "a@example.com", None, "none", 2, None)
        yield Layout(options, State(home / "state.json"))


def test_the_stack_names_the_standbys_it_has(layout: Layout) -> None:
    layout.options = StackOptions.read(
        {"STEWARD_HOME": str(layout.home), "STEWARD_BACKUP_SOURCE": "nowhere", "STEWARD_DEMO": "none"}
    )
    with pytest.raises(StackError, match="nowhere is none of primary, az-b, dr"):
        stack_barman.prepare(layout)


def read(**server: Any) -> dict[str, Any]:
    facts = {
        "in_recovery": False,
        "expects_standby": False,
        "follows_primary": True,
        "connection_error": "",
    }
    return {"server": facts | server, "sources": ["az-b"], "unknown": server.pop("unknown", [])}


@pytest.mark.parametrize(
    ("server", "status", "words"),
    [
        ({}, "ok", "whichever node it is"),
        ({"in_recovery": None, "connection_error": "refused"}, "critical", "reaches no server"),
        ({"follows_primary": False}, "warning", "after a failover"),
        ({"expects_standby": True}, "critical", "has been promoted"),
        ({"unknown": ["db9:5432"]}, "warning", "does not watch"),
        (
            {"expects_standby": True, "in_recovery": True, "unknown": ["x:1"]},
            "warning",
            "none of the expected",
        ),
    ],
)
def test_the_source_is_judged(server: dict[str, Any], status: str, words: str) -> None:
    [finding] = safekeeping.judge_source(read(**server))
    assert finding.level == status
    assert words in finding.text


def test_every_node_of_an_address_is_read() -> None:
    assert keeping_barman.nodes_of("host=a,b port=1,2 user=x") == ("a:1", "b:2")
    assert keeping_barman.nodes_of("host=a,b user=x") == ("a:5432", "b:5432")
    assert keeping_barman.nodes_of("user=x dbname=y") == ("local:5432",)
