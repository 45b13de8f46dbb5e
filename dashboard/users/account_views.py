"""One's own account: name, time zone, password, sessions, and why a page is closed."""

from http import HTTPStatus

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.db import db
from dashboard.core.errors import DashboardError
from dashboard.core.web import requires
from dashboard.users import authentication, identity, queries, roles, service, sessions
from dashboard.users.forms import ChangePasswordForm, ProfileForm, show_errors, typed
from dashboard.users.models import Operator
from dashboard.users.roles import SUMMARIES, Role
from dashboard.users.views import blueprint, client_ip

__all__ = ["blueprint"]


def myself() -> Operator:
    """Return the row of the person of this request."""
    return queries.get_operator(identity.current_operator().id)


@blueprint.route("/account/", methods=["GET", "POST"])
@requires("self.account.edit")
def account() -> ResponseReturnValue:
    """Show and change name and time zone; answer why something is closed."""
    operator = myself()
    form = ProfileForm(obj=operator)
    if form.validate_on_submit():
        service.update_profile(operator, name=typed(form.name), timezone=form.timezone.data)
        db.session.commit()
        flash("Your account is saved.", "ok")
        return redirect(url_for("users.account"))
    status = HTTPStatus.UNPROCESSABLE_ENTITY if request.method == "POST" else HTTPStatus.OK
    page = render_template(
        "users/account.html",
        form=form,
        operator=operator,
        summaries={role.value: SUMMARIES[role] for role in Role},
        answer=_why(service.grant_refs(operator)),
    )
    return page, status


def _why(grants: tuple[roles.GrantRef, ...]) -> str:
    permission = request.args.get("permission", "").strip()
    tenant = request.args.get("tenant", "").strip() or None
    return roles.explain(grants, permission, tenant) if permission else ""


@blueprint.route("/account/password", methods=["GET", "POST"])
@requires("self.account.edit")
def password() -> ResponseReturnValue:
    """Change the password; sessions elsewhere end."""
    form = ChangePasswordForm()
    status = HTTPStatus.UNPROCESSABLE_ENTITY if request.method == "POST" else HTTPStatus.OK
    if form.validate_on_submit():
        try:
            ended = _change_password(form)
        except DashboardError as error:
            db.session.rollback()
            show_errors(form, error)
            status = HTTPStatus(error.status)
        else:
            flash(f"Your password is changed. Sessions ended elsewhere: {ended}.", "ok")
            return redirect(url_for("users.account"))
    return render_template("users/password.html", form=form), status


def _change_password(form: ChangePasswordForm) -> int:
    ended = authentication.change_password(
        myself(),
        typed(form.current),
        typed(form.password),
        session_id=identity.current_operator().session_id,
        ip=client_ip(),
    )
    db.session.commit()
    return ended


@blueprint.get("/account/sessions", endpoint="sessions")
@requires("self.account.edit")
def own_sessions() -> ResponseReturnValue:
    """List where one is logged in."""
    me = identity.current_operator()
    return render_template(
        "users/sessions.html", sessions=queries.list_sessions(me.id), current_id=me.session_id
    )


@blueprint.post("/account/sessions/<int:session_id>/revoke")
@requires("self.account.edit")
def revoke(session_id: int) -> ResponseReturnValue:
    """End one of one's own sessions."""
    sessions.revoke_session(myself(), session_id)
    db.session.commit()
    flash("The session is ended.", "ok")
    return redirect(url_for("users.sessions"))


@blueprint.post("/account/sessions/revoke-others")
@requires("self.account.edit")
def revoke_others() -> ResponseReturnValue:
    """End all sessions but this one."""
    count = sessions.revoke_all_sessions(myself(), except_id=identity.current_operator().session_id)
    db.session.commit()
    flash(f"Sessions ended elsewhere: {count}.", "ok")
    return redirect(url_for("users.sessions"))
