"""The pages of deliveries: routes, what was sent, tests, and the signal to the outside."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from uuid import UUID

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.alerts import deadman, service
from dashboard.alerts.deliveries import jobs, queries
from dashboard.alerts.deliveries import service as routes
from dashboard.alerts.deliveries.deciding import describe
from dashboard.alerts.deliveries.forms import RouteForm
from dashboard.alerts.deliveries.models import Delivery, Kind, Route
from dashboard.alerts.desk import EDIT, RUN, VIEW, pages, tabs
from dashboard.alerts.models import Alert
from dashboard.alerts.rules import Rule
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.jobs import service as runs

ROUTE = "/database/alerts/deliveries/routes/<int(max=2147483647):route_id>"
EXAMPLE = "health.disk_filling"


@pages.get("/database/alerts/deliveries")
@requires(VIEW)
def deliveries() -> ResponseReturnValue:
    """Where alerts go, how that went, and the signal to the outside."""
    return render_template("alerts/deliveries.html", tabs=tabs(), **_parts())


@pages.get("/database/alerts/deliveries/live")
@requires(VIEW)
def live_deliveries() -> ResponseReturnValue:
    """Give the part of the page that changes."""
    return render_template("alerts/_deliveries.html", **_parts())


def _parts() -> dict[str, object]:
    settings = _settings()
    limit = timedelta(seconds=service.rules()["alerts.delivery_failing"].threshold())
    return {
        "routes": queries.list_routes(),
        "last": queries.list_last(),
        "sent": queries.list_deliveries(),
        "troubled": queries.list_troubled(limit),
        "sign": deadman.read(settings),
        "expect_within": deadman.EXPECT_WITHIN,
        "has_mail_server": bool(settings.smtp_url),
        "titles": {key: rule.title for key, rule in service.rules().items()},
    }


@pages.route("/database/alerts/deliveries/new/<any(mail, webhook):kind>", methods=["GET", "POST"])
@requires(EDIT)
def new_route(kind: str) -> ResponseReturnValue:
    """Add a route."""
    return _edit(None, kind)


@pages.route(ROUTE, methods=["GET", "POST"])
@requires(EDIT)
def route(route_id: int) -> ResponseReturnValue:
    """Change a route."""
    found = queries.get_route(route_id)
    return _edit(found, found.kind)


def _edit(found: Route | None, kind: str) -> ResponseReturnValue:
    form = RouteForm()
    form.offer(sorted({key.partition(".")[0] for key in service.rules()}), kind)
    if request.method == "GET":
        form.fill(found)
        return _form(form, found, kind)
    if not form.validate_on_submit():
        return _form(form, found, kind), HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        saved = routes.save(found, form.wanted(kind), _settings(), actor=current_user.email)
        db.session.commit()
    except (InvalidInputError, ConflictError) as error:
        db.session.rollback()
        for name, message in error.fields.items():
            form[name].errors = [*form[name].errors, message]
        if not error.fields:
            form.form_errors.append(error.message)
        return _form(form, found, kind), error.status
    flash(f"{saved.name} is saved. Send a test to see that it arrives.", "success")
    return redirect(url_for("alerts.deliveries"))


def _form(form: RouteForm, found: Route | None, kind: str) -> str:
    return render_template("alerts/route.html", form=form, route=found, kind=kind, Kind=Kind)


@pages.route(f"{ROUTE}/delete", methods=["GET", "POST"])
@requires(EDIT)
def delete_route(route_id: int) -> ResponseReturnValue:
    """Ask, then remove a route."""
    found = queries.get_route(route_id)
    if request.method == "GET":
        return render_template("alerts/delete_route.html", route=found)
    routes.delete(found, actor=current_user.email)
    db.session.commit()
    flash(f"{found.name} is deleted.", "success")
    return redirect(url_for("alerts.deliveries"))


@pages.post(f"{ROUTE}/test")
@requires(RUN)
def test_route(route_id: int) -> ResponseReturnValue:
    """Send a test to one route."""
    rule = service.rules().get(EXAMPLE) or next(iter(service.rules().values()))
    made = routes.test(queries.get_route(route_id), [_example(rule)], actor=current_user.email)
    db.session.commit()
    return _under_way([made])


@pages.post("/database/alerts/rules/<key>/test")
@requires(RUN)
def test_rule(key: str) -> ResponseReturnValue:
    """Send a test of one rule to every route that would hear of it."""
    rule = service.rules().get(key)
    if rule is None:
        raise NotFoundError("There is no such alert rule.")
    heard = [one for one in queries.list_routes() if one.is_active and one.wants(key, rule.severity)]
    if not heard:
        raise ConflictError("No route hears of this rule.", fix="Add one under Alerts, Deliveries.")
    made = [routes.test(one, [_example(rule)], actor=current_user.email) for one in heard]
    db.session.commit()
    return _under_way(made)


@pages.post("/database/alerts/deliveries/<uuid:delivery_id>/retry")
@requires(RUN)
def retry(delivery_id: UUID) -> ResponseReturnValue:
    """Send a message that was given up once more."""
    made = routes.retry(delivery_id, actor=current_user.email)
    db.session.commit()
    return _under_way([made])


def _under_way(made: list[Delivery]) -> ResponseReturnValue:
    """Have it sent at once; should no job be able to, the schedule process does it within half a minute."""
    runs.enqueue(jobs.DELIVER, {}, actor=current_user.email)
    names = ", ".join(one.route.name for one in made)
    flash(f"On its way to {names}: the list below says when it has arrived.", "success")
    return redirect(url_for("alerts.deliveries", _anchor="sent"))


def _example(rule: Rule) -> dict[str, object]:
    now = datetime.now(UTC)
    alert = Alert(rule=rule.key, subject="", severity=rule.severity, since=now, breached_at=now)
    alert.reason = "This is an example: nothing is wrong."
    return describe(alert, rule)


def _settings() -> Settings:
    found: Settings = current_app.extensions["steward_settings"]
    return found
