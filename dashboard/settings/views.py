"""The settings pages of administrators."""

from http import HTTPStatus
from itertools import groupby

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.settings import queries, service
from dashboard.settings.forms import SettingForm
from dashboard.settings.queries import Held

VIEW, EDIT = "admin.settings.view", "admin.settings.edit"
pages = Blueprint("settings", __name__, url_prefix="/admin/settings")


@pages.get("/")
@requires(VIEW)
def index() -> ResponseReturnValue:
    """Every setting by area, with its owner and when the business confirmed it."""
    held = queries.list_settings()
    areas = [(area, list(rows)) for area, rows in groupby(held, key=lambda row: row.definition.area)]
    open_count = sum(row.state != queries.CONFIRMED for row in held)
    return render_template("settings/index.html", areas=areas, open_count=open_count, count=len(held))


@pages.get("/<key>")
@requires(EDIT)
def edit(key: str) -> ResponseReturnValue:
    """Show the form of one setting."""
    held, form = queries.get_setting(key), SettingForm()
    form.fill(held)
    return _page(held, form)


@pages.post("/<key>")
@requires(EDIT)
def save(key: str) -> ResponseReturnValue:
    """Save one setting; a stale save is refused and keeps what was written."""
    held, form = queries.get_setting(key), SettingForm()
    if not form.validate_on_submit():
        return _page(held, form), HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        held = service.save(key, form.change(), actor=current_user.email)
        db.session.commit()
    except (InvalidInputError, ConflictError) as error:
        db.session.rollback()
        return _refused(key, form, error)
    flash(f"{held.definition.title} is {held.text} now.", "success")
    return redirect(url_for("settings.index"))


def _refused(key: str, form: SettingForm, error: InvalidInputError | ConflictError) -> ResponseReturnValue:
    held = queries.get_setting(key)
    for name, message in error.fields.items():
        form[name].errors = [*form[name].errors, message]
    problem = ""
    if isinstance(error, ConflictError):
        problem = f"{error.message} {error.fix}"
        form.version.raw_data, form.version.data = None, str(held.version)
    return _page(held, form, problem), error.status


def _page(held: Held, form: SettingForm, problem: str = "") -> str:
    return render_template("settings/edit.html", held=held, form=form, problem=problem)
