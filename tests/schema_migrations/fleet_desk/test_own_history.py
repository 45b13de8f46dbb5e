"""The product's own revisions at the desk: they can be planned, read on the page, and planned alike again."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.schema_migrations.fleet import planning
from dashboard.schema_migrations.fleet.planning import NothingToPlanError
from dashboard.schema_migrations.fleet.steps import from_rows
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.queries import list_revisions


def test_the_way_back_of_the_newest_revision_is_planned_and_told(
    app: Flask, control: Session, login: Callable[..., FlaskClient]
) -> None:
    newest, before = list_revisions(History.TENANT)[:2]
    plan = planning.make_plan(control, to=before.id, actor="dba@example.com")
    control.commit()
    assert (plan.direction, plan.fleet["start"], plan.to_revision) == ("down", newest.id, before.id)
    assert plan.fleet["schemas"] >= 2
    assert planning.renders_alike(plan)
    html = login("dba").get(f"/database/migrations/plans/{plan.id}/").text
    assert "This is a downgrade" in html
    assert all(f"<code>{each}</code>" in html for each in planning.losses(from_rows(plan.steps))[:3])


def test_a_fleet_at_the_head_has_nothing_to_plan(app: Flask, control: Session) -> None:
    with pytest.raises(NothingToPlanError, match="there is nothing to do"):
        planning.make_plan(control, actor="dba@example.com")
