"""Releases of a real product: each way it can stop, with the right words, and one that goes through."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from dashboard.core.db import db
from dashboard.health.readiness import NotReadyError
from dashboard.release import smoke, visiting
from dashboard.release.pending import Pending, read_pending
from dashboard.release.way_back import way_back
from dashboard.release.wishes import Done
from dashboard.schema_migrations.readiness import check_heads
from dashboard.servers import free_port
from dashboard.tenancy import notices
from dashboard.users.models import Operator, OperatorSession
from tests.release.conftest import Releasing, say_that_acme_stands_at

pytestmark = [pytest.mark.commits, pytest.mark.xdist_group("release")]
REASON = "this is a test of the release"


def test_a_release_with_nothing_to_migrate_passes_and_leaves_nobody_signed_in(
    app: Flask, releasing: Releasing
) -> None:
    done = releasing.run(announce="A short break")
    assert "nothing to migrate" in releasing.said
    assert "Back up" not in releasing.said, "what changes nothing needs no backup"
    assert "passed: the login page" in releasing.said
    assert "passed: every schema is at the head of the code" in releasing.said
    for desk in ("Records →", "Insights →", "Database →", "Administration →"):
        assert f"passed: {desk}" in releasing.said
    for tenant in ("acme", "globex"):
        assert f"passed: reading in {tenant}" in releasing.said
    assert "failed:" not in releasing.said
    assert releasing.lines[-1].startswith("Released in ")
    assert not done.changed_erp
    is_visitor = Operator.email.like(f"%{visiting.DOMAIN}")
    assert db.session.scalars(select(Operator).where(is_visitor)).all() == []
    assert db.session.query(OperatorSession).filter_by(user_agent="steward-release").all() == []
    notices.read(db.session.connection())
    assert notices.told_to(None) == [], "the announcement ended with the release"


def test_a_product_that_does_not_answer_stops_it_with_the_way_back(releasing: Releasing) -> None:
    stopped = releasing.stopped(base_url=f"http://127.0.0.1:{free_port()}")
    assert stopped.step == "Smoke tests"
    assert "no answer" in stopped.reason
    assert stopped.way_back == [
        "Nothing of the ERP was changed. Correct what is wrong, then start the release again."
    ]


def test_an_address_that_is_another_site_does_not_pass(releasing: Releasing) -> None:
    stopped = releasing.stopped(base_url=f"{releasing.url}/static")
    assert "answered 404" in stopped.reason


def test_without_a_way_to_restart_it_stops_before_anything_is_changed(releasing: Releasing) -> None:
    stopped = releasing.stopped(restarts=True)
    assert stopped.step == "Look at what is pending"
    assert "STEWARD_RELEASE_COMMAND" in stopped.reason


def test_the_configured_command_restarts_and_its_failure_stops_the_release(
    releasing: Releasing, tmp_path: Path
) -> None:
    made = tmp_path / "restarted"
    releasing.settings = releasing.settings.model_copy(
        update={"release_command": f'{sys.executable} -c \'open("{made}", "w")\''}
    )
    assert releasing.run(restarts=True).restarted
    assert made.exists()
    releasing.settings = releasing.settings.model_copy(
        update={"release_command": f"{sys.executable} -c 'raise SystemExit(\"no such unit\")'"}
    )
    stopped = releasing.stopped(restarts=True)
    assert stopped.step == "Restart workers, scheduler and web"
    assert "no such unit" in stopped.reason


def test_without_a_backup_nothing_is_migrated(releasing: Releasing, behind: str) -> None:
    assert read_pending() == Pending(control=False, shared=False, schemas=1)
    stopped = releasing.stopped()
    assert stopped.step == "Back up"
    assert "Barman" in stopped.reason or "backup" in stopped.reason
    assert stopped.way_back[0].startswith("Nothing of the ERP was changed.")
    assert releasing.stopped(skip_backup="short").reason.startswith("Say in at least 10 characters")


def test_code_that_is_older_than_a_spare_stops_before_a_backup(
    app: Flask, releasing: Releasing, newer_spare: str
) -> None:
    stopped = releasing.stopped(announce="Soon back")
    assert stopped.step == "Look at what is pending", "no backup, no announcement, no restart for nothing"
    told = "1 schema of a newer release, which this code does not know: "
    assert f"{told}{newer_spare} at of the next release." in stopped.reason
    assert "restart it without a release" in stopped.reason
    assert stopped.way_back[0].startswith("Nothing of the ERP was changed.")
    answer = app.test_cli_runner().invoke(args=["release", "check"])
    assert answer.output == "nothing to migrate; of a newer release: 1 schema\n"


def test_a_plan_that_nobody_approved_is_not_run(releasing: Releasing, behind: str) -> None:
    stopped = releasing.stopped(skip_backup=REASON, announce="Soon back")
    assert stopped.step == "Plan the change of the tenants"
    assert "is not approved" in stopped.reason
    assert "--approve" in stopped.reason
    assert "flask release end-announcement" in stopped.way_back[-1]
    assert "not the hash" in releasing.stopped(skip_backup=REASON, approve="0" * 64).reason


def test_a_canary_that_fails_stops_it_and_says_every_way_back(
    app: Flask, releasing: Releasing, behind: str
) -> None:
    """Its tables are at the head already: what would make them anew is refused."""
    hash_ = releasing.stopped(skip_backup=REASON).reason.split("--approve ")[1][:8]
    stopped = releasing.stopped(skip_backup=REASON, approve=hash_, note=REASON)
    assert stopped.step == "Change the tenants", releasing.said
    assert "already exists" in stopped.reason
    here, forward, restore, downgrade = stopped.way_back
    assert "old code goes on" in here
    assert "flask fleet retry" in forward
    assert "no backup" in restore
    assert "Downgrade only if nothing else helps" in downgrade
    stopped = releasing.stopped(skip_backup=REASON)
    assert stopped.step == "Look at what is pending"
    assert "is halted" in stopped.reason
    answer = app.test_cli_runner().invoke(args=["release", "check"])
    assert (answer.exit_code, answer.output) == (1, "to migrate: 1 schema of tenants\n")


def test_the_command_line_tells_the_way_back(app: Flask, releasing: Releasing, behind: str) -> None:
    words = ["release", "run", "--no-restart", "--skip-backup", REASON, "--actor", "dba@example.com"]
    answer = app.test_cli_runner().invoke(args=words)
    assert answer.exit_code == 1
    assert "Stopped at: Plan the change of the tenants. Plan " in answer.output
    assert "\n- Nothing of the ERP was changed." in answer.output


def test_smoke_tests_name_all_that_failed(
    app: Flask, releasing: Releasing, behind: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "READY_SECONDS", 0)
    answer = app.test_cli_runner().invoke(
        args=["release", "smoke", "--url", url, "--actor", "dba@example.com"]
    )
    assert answer.exit_code == 1
    assert "every schema is at the head of the code: tenant_acme at" in answer.output
    assert "reading in acme: its schema says" in answer.output


def test_the_way_back_names_the_backup_and_the_restore_point() -> None:
    done = Done(backup_id="20260101T000000", restore_point="before-release-1", shared=True, restarted=True)
    words = way_back(done)
    assert words[0].startswith("The new code is running and did not pass.")
    assert "restore the backup 20260101T000000 to the restore point before-release-1" in words[2]


@pytest.mark.parametrize(("tenants", "says"), [(None, "flask fleet retry 3"), (0, "start the release again")])
def test_the_way_back_goes_on_with_a_run_only_while_it_is_not_done(tenants: int | None, says: str) -> None:
    assert says in way_back(Done(run_id=3, tenants=tenants, restarted=True))[1].split(", or leave")[0]


def test_a_visitor_that_a_killed_release_left_is_removed_by_the_next(
    app: Flask, releasing: Releasing
) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    db.session.add(Operator(email=f"check-left@{visiting.DOMAIN}", name="Left", created_at=long_ago))
    db.session.commit()
    with visiting.signed_in(app, actor="dba@example.com") as cookie:
        assert visiting.visit(releasing.url, "/account/", cookie).status in {200, 301, 302, 308}
    assert db.session.scalars(select(Operator).where(Operator.email.like(f"%{visiting.DOMAIN}"))).all() == []


def test_old_code_is_ready_on_a_newer_schema_and_not_on_an_older_one(
    app: Flask, releasing: Releasing, behind: str
) -> None:
    with pytest.raises(NotReadyError, match=r"not at the tenant head .*: acme"):
        check_heads()
    say_that_acme_stands_at("of the next release")
    check_heads()
