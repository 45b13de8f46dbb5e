"""What is timed, and what is asked on the page."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs import queries, service
from dashboard.jobs.models import SYSTEM_ACTOR
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.settings.models import Setting
from dashboard.tenants.growth import deciding, jobs
from tests.tenants.growth.conftest import at_work
from tests.tenants.growth.test_partitioning import INSERT, TODAY, convert, parts
from tests.tenants.rewinding.past import Past

pytestmark = pytest.mark.commits


@pytest.fixture
def stored(
    empty: Past, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """Files go to a folder of the test's own; rows of the control database go again."""
    changed = settings.model_copy(update={"copies_url": (tmp_path / "copies").as_uri(), "home": tmp_path})
    monkeypatch.setattr(jobs, "get_settings", lambda: changed)
    monkeypatch.setattr(deciding, "today", lambda: TODAY)
    yield changed
    db.session.remove()
    with control_transaction() as session:
        for table in ("job_run", "setting"):
            session.execute(text(f"DELETE FROM {table}"))


def run(name: str, /, **arguments: object) -> dict[str, Any]:
    asked = service.enqueue(name, arguments, actor=SYSTEM_ACTOR)
    perform(str(asked.id))
    done = queries.get_run(asked.id)
    assert (done.status, done.error) == ("succeeded", "")
    return done.result or {}


def decide(key: str, months: int) -> None:
    with control_transaction() as session:
        session.add(Setting(key=key, value=months))


def test_what_is_large_is_partitioned_and_what_is_small_stays_whole(empty: Past, stored: Settings) -> None:
    empty.sql("ANALYZE row_history")
    assert run("tenants.keep_partitions")["partitioned"] == []
    with at_work(empty) as session:
        rows = (
            "INSERT INTO unit (code, name, factor) SELECT 'u' || n, 'Unit', 1 FROM generate_series(1, 300) n"
        )
        session.execute(text(rows))
    empty.sql("ANALYZE row_history")
    decide(deciding.PARTITION_ROWS, 250)
    done = run("tenants.keep_partitions")
    own = [name for name in done["partitioned"] if name.startswith(f"{empty.tenant.schema}.")]
    assert own == [f"{empty.tenant.schema}.row_history"]  # tenants of other tests may be as large
    assert len(parts(empty, "row_history")) == 3
    assert run("tenants.keep_partitions") == {"made": 0, "partitioned": [], "put_off": []}


def test_old_parts_are_put_away_by_night_once_the_business_says_so(
    empty: Past, stored: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at_work(empty) as session:
        session.execute(INSERT, {"code": "old"})
    convert(empty, "row_history")
    later = datetime.now(UTC).date().replace(day=1)
    monkeypatch.setattr(deciding, "today", lambda: later.replace(year=later.year + 2))
    assert run("tenants.archive_history") == {"parts": 0, "rows": 0}
    decide(deciding.ARCHIVE_MONTHS, 12)
    done = run("tenants.archive_history")
    assert done["parts"] >= 1  # other tenants may have old parts, too
    assert parts(empty, "row_history") == ["row_history_2026_11", "row_history_2026_12"]


def test_page_leads_from_whole_to_partitioned_put_away_and_back(
    empty: Past, stored: Settings, login: Callable[..., FlaskClient]
) -> None:
    admin = login("admin")
    path = f"/admin/tenants/{empty.tenant.slug}/growth"

    def post(action: str, target: str) -> None:
        answer = admin.post(path, data={"action": action, "target": target})
        assert answer.status_code == 302
        number = answer.location.rstrip("/").rpartition("/")[2]
        perform(number)
        assert admin.get(answer.location).status_code == 200

    with at_work(empty) as session:
        session.execute(INSERT, {"code": "old"})
    assert "One table, not partitioned" in admin.get(path).text
    post("partition", "row_history")
    page = admin.get(path).text
    (part,) = set(re.findall(r"put_away=(row_history_before_\w+)", page))
    assert f"Put {part} away?" in admin.get(path, query_string={"put_away": part}).text
    post("put_away", part)
    page = admin.get(path).text
    event = re.search(r'name="target" value="(\d+)"', page)
    assert event is not None
    assert f"{part} archived" in page
    post("bring_back", event[1])
    assert f"{part} restored" in admin.get(path).text
    assert admin.post(path, data={"action": "burn"}).status_code == 422
    assert admin.post(path, data={"action": "bring_back", "target": "x"}).status_code == 422
    assert login("staff", empty.tenant.slug).get(path).status_code == 403
