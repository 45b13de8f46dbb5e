"""Old history goes into a file that is proven before its rows are dropped, and comes back as it was."""

import json
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from dashboard.audit.queries import list_history
from dashboard.backups.copies.place import place_of
from dashboard.backups.drills import counting
from dashboard.core.config import CHECKOUT, Settings
from dashboard.core.errors import ConflictError, DashboardError
from dashboard.tenants.growth import archiving, deciding, files, partitioning
from dashboard.tenants.growth.archiving import Event, Span
from dashboard.tenants.growth.blocks import BLOCK, Part
from tests.tenants.growth.conftest import at_work, fingerprint
from tests.tenants.growth.test_partitioning import INSERT, TODAY, convert, parts
from tests.tenants.rewinding.past import Past

OLD = "row_history_before_2026_11"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def stored(settings: Settings, tmp_path: Path) -> Settings:
    """Settings with a store of copies of the test's own."""
    return settings.model_copy(update={"copies_url": (tmp_path / "copies").as_uri(), "home": tmp_path})


def grow(past: Past) -> int:
    """Write rows before and after the cut; returns a unit with history on both sides."""
    with at_work(past) as session:
        unit = int(session.scalar(INSERT, {"code": "old"}) or 0)
        session.execute(INSERT, {"code": '=1+1;"quoted"\nline'})
        session.execute(text("DELETE FROM unit WHERE code <> 'old' AND code LIKE '=%'"))
    convert(past, "row_history", today=TODAY)
    with at_work(past) as session:
        session.execute(text("UPDATE unit SET name = 'New' WHERE id = :id"), {"id": unit})
    return unit


def standing(past: Past) -> counting.Standing:
    with partitioning.owner_link(past.tenant.schema) as link, link.cursor() as at:
        return counting.stand(at, past.tenant.schema, datetime.now(UTC) + timedelta(days=1))


def verbs(past: Past, unit: int) -> list[str]:
    with at_work(past) as session:
        return [entry.verb for entry in list_history(session, "unit", unit)]


def ledger(past: Past) -> list[Event]:
    with partitioning.owner_link(past.tenant.schema) as link, link.cursor() as at:
        return archiving.list_events(at, past.tenant.schema)


@pytest.mark.commits
def test_a_partition_is_put_away_proven_and_brought_back_as_it_was(empty: Past, stored: Settings) -> None:
    unit = grow(empty)
    before, shape, stood = empty.truth()[OLD], fingerprint(empty), standing(empty)
    made = archiving.archive(empty.tenant, OLD, stored, actor="dba@example.com")
    assert (made.rows, made.lower_id, made.upper_id) == (sum(before.values()), None, BLOCK)
    assert parts(empty, "row_history") == ["row_history_2026_11", "row_history_2026_12"]
    assert verbs(empty, unit) == ["changed"], "what is put away is not there"
    assert standing(empty) == stood, "drills compare as if it were"

    (event,) = ledger(empty)
    assert (event.operation, event.rows, event.sha256) == ("archived", made.rows, made.sha256)
    assert event.net["unit"] == 1
    with place_of(stored).open(event.path.replace(".csv.gz", ".json")) as stream:
        assert json.load(stream)["row_hash"] == made.row_hash

    archiving.restore(empty.tenant, event.id, stored, actor="dba@example.com")
    assert empty.truth()[OLD] == before
    assert verbs(empty, unit) == ["changed", "created"]
    assert fingerprint(empty) == shape
    assert standing(empty) == stood
    assert [one.operation for one in ledger(empty)] == ["restored", "archived"]
    with pytest.raises(DashboardError, match="not put away"):
        archiving.restore(empty.tenant, event.id, stored, actor="dba@example.com")


@pytest.mark.commits
def test_nothing_is_dropped_whose_file_is_not_proven_and_no_damaged_file_is_brought_back(
    empty: Past, stored: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(empty)
    before = empty.truth()
    with monkeypatch.context() as patch:  # the store gives back other rows than it was given
        patch.setattr(files, "load", lambda *_: None)
        with pytest.raises(ConflictError, match="The file differs"):
            archiving.archive(empty.tenant, OLD, stored, actor="dba@example.com")
    assert empty.truth() == before
    with pytest.raises(DashboardError, match="New rows still go"):
        archiving.archive(empty.tenant, "row_history_2026_11", stored, actor="dba@example.com")

    archiving.archive(empty.tenant, OLD, stored, actor="dba@example.com")
    (event,) = ledger(empty)
    path = Path(place_of(stored).where(event.path))
    whole = bytearray(path.read_bytes())
    whole[-9] ^= 1
    path.write_bytes(whole)
    with pytest.raises(ConflictError, match="SHA-256"):
        archiving.restore(empty.tenant, event.id, stored, actor="dba@example.com")
    assert OLD not in parts(empty, "row_history")
    assert len(ledger(empty)) == 1


@pytest.mark.commits
def test_a_partition_somebody_still_writes_to_is_left_alone(empty: Past, stored: Settings) -> None:
    grow(empty)
    name = f"{empty.tenant.schema}.{OLD}"
    with closing(psycopg2.connect(empty.superuser("erp_test"))) as link, link.cursor() as at:
        at.execute(f"LOCK TABLE {name} IN ROW EXCLUSIVE MODE")
        with pytest.raises(ConflictError, match="still writes"):
            archiving.archive(empty.tenant, OLD, stored, actor="dba@example.com")
    assert OLD in parts(empty, "row_history")


AMEND = (
    "INSERT INTO row_history (table_name, record_id, operation, old, new, session_user_name, transaction_id)"
    " VALUES ('purchase_order_line', 1, 'U', '{\"quantity\": 1}', '{\"quantity\": 2}', 'x', 1)"
)


@pytest.mark.commits
def test_changes_that_figures_ask_for_stay_and_the_page_of_a_record_says_what_is_gone(
    empty: Past, stored: Settings, login: Callable[..., FlaskClient]
) -> None:
    empty.sql(AMEND)
    unit = grow(empty)
    before = empty.truth()[OLD]
    made = archiving.archive(empty.tenant, OLD, stored, actor="dba@example.com")
    assert empty.sql("SELECT table_name, count(*) FROM row_history WHERE id < %s GROUP BY 1", BLOCK) == [
        ("purchase_order_line", 1)
    ]
    (event,) = ledger(empty)
    assert (made.rows, event.rows) == (sum(before.values()), sum(before.values()) - 1)
    with pytest.raises(DashboardError, match="put away already"):
        archiving.archive(empty.tenant, OLD, stored, actor="dba@example.com")

    staff = login("staff", empty.tenant.slug)
    at = f"/t/{empty.tenant.slug}/records/unit"
    assert "were put away into files" in staff.get(f"{at}/{unit}/history").text
    past = staff.get(f"{at}/{unit}/as-of?at=2020-01-01T00:00:00")
    assert (past.status_code, "were put away: ask for later" in past.text) == (422, True)

    archiving.restore(empty.tenant, event.id, stored, actor="dba@example.com")
    assert empty.truth()[OLD] == before
    assert "were put away" not in staff.get(f"{at}/{unit}/history").text


def test_what_figures_ask_of_the_history_is_what_stays() -> None:
    asked = {
        table
        for path in (CHECKOUT / "dashboard" / "kpis" / "sql").glob("*.sql")
        for part in path.read_text().split("FROM row_history")[1:]
        for table in re.findall(r"table_name = '(\w+)'", part[:300])
    }
    assert asked == set(archiving.NEEDED)


def span(name: str, last_at: datetime | None, *, is_open: bool = False) -> Span:
    return Span(Part(name, 0, 1), 1, 1, last_at, last_at, is_open)


def test_due_is_what_is_closed_wholly_old_and_not_just_brought_back() -> None:
    limit = deciding.before(date(2026, 11, 21), 12)
    assert limit == datetime(2025, 11, 1, tzinfo=UTC)
    old, new = limit - timedelta(seconds=1), limit
    spans = [span("a", old), span("b", new), span("c", old, is_open=True), span("d", None), span("e", old)]
    back = Event(1, NOW, "restored", "e", 0, 1, None, None, 1, {}, 1, "", "", "")
    assert [one.part.name for one in archiving.due(spans, [back], limit, NOW)] == ["a"]
    late = replace(back, at=NOW - timedelta(days=31))
    assert [one.part.name for one in archiving.due(spans, [late], limit, NOW)] == ["a", "e"]
    assert archiving.due(spans, [], deciding.before(date(2026, 11, 21), 0), NOW) == []
    assert deciding.before(date(2026, 2, 1), 1) == datetime(2025, 11, 1, tzinfo=UTC), "three months stay"
