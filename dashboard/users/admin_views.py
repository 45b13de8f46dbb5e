"""Operators for administrators: list, invite, roles, sessions, in and out."""

from http import HTTPStatus

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, DashboardError, UnavailableError
from dashboard.core.web import requires
from dashboard.tenancy.queries import known_tenants
from dashboard.users import identity, mails, queries, service, sessions
from dashboard.users.forms import GrantForm, InviteForm, show_errors, typed
from dashboard.users.models import Operator
from dashboard.users.roles import SUMMARIES, Role

blueprint = Blueprint("operators", __name__, url_prefix="/admin/operators")


@blueprint.errorhandler(ConflictError)
def refused(error: ConflictError) -> ResponseReturnValue:
    """Say on the operator's own page what cannot be done to them, and why."""
    db.session.rollback()
    flash(" ".join(filter(None, (error.message, error.fix))), "danger")
    operator = queries.get_operator((request.view_args or {})["operator_id"])
    return _show(operator, GrantForm(_tenant_choices())), error.status


@blueprint.get("/")
@requires("admin.operators.view")
def index() -> ResponseReturnValue:
    """List everybody who can log in."""
    return render_template(
        "users/operators.html", operators=queries.list_operators(), seen=queries.last_seen_by_operator()
    )


@blueprint.route("/invite", methods=["GET", "POST"])
@requires("admin.operators.edit")
def invite() -> ResponseReturnValue:
    """Add an operator and mail the link to choose a password."""
    form = InviteForm(_tenant_choices())
    if form.validate_on_submit():
        try:
            operator = service.create_operator(typed(form.email), typed(form.name), None, form.grants())
        except DashboardError as error:
            db.session.rollback()
            show_errors(form, error)
            return render_template("users/invite.html", form=form), error.status
        return _mail_invitation(operator)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if request.method == "POST" else HTTPStatus.OK
    return render_template("users/invite.html", form=form), status


@blueprint.post("/<int:operator_id>/invite")
@requires("admin.operators.edit")
def invite_again(operator_id: int) -> ResponseReturnValue:
    """Mail a new link; the earlier one stops working."""
    operator = queries.get_operator(operator_id)
    if operator.status != "invited":
        raise ConflictError(f"{operator.name} is {operator.status}; there is nothing to invite to.")
    return _mail_invitation(operator)


def _mail_invitation(operator: Operator) -> ResponseReturnValue:
    """Commit first: a link that was mailed must work."""
    me = identity.current_operator()
    token = service.issue_token(operator, "invite")
    db.session.commit()
    try:
        went = mails.send_invitation(operator, token, inviter=me.name)
    except UnavailableError as error:
        flash(
            f"{operator.email} is added, but no mail went out: {error.message} Send it again later.",
            "warning",
        )
    else:
        flash(f"The invitation for {operator.email} went to {went}.", "ok")
    return redirect(_page_of(operator.id))


@blueprint.get("/<int:operator_id>")
@requires("admin.operators.view")
def show(operator_id: int) -> ResponseReturnValue:
    """Show one operator with roles and sessions."""
    return _show(queries.get_operator(operator_id), GrantForm(_tenant_choices()))


@blueprint.post("/<int:operator_id>/grants")
@requires("admin.operators.edit")
def add_grant(operator_id: int) -> ResponseReturnValue:
    """Give a role."""
    operator, form = queries.get_operator(operator_id), GrantForm(_tenant_choices())
    if not form.validate():
        return _show(operator, form), HTTPStatus.UNPROCESSABLE_ENTITY
    service.add_grant(operator, form.role.data, form.tenant.data or None)
    db.session.commit()
    flash(f"{operator.name} has the role now.", "ok")
    return redirect(_page_of(operator_id))


@blueprint.post("/<int:operator_id>/grants/<int:grant_id>/remove")
@requires("admin.operators.edit")
def remove_grant(operator_id: int, grant_id: int) -> ResponseReturnValue:
    """Take a role away, at once."""
    operator = queries.get_operator(operator_id)
    grant = service.remove_grant(operator, grant_id, by_operator_id=identity.current_operator().id)
    db.session.commit()
    flash(f"{operator.name} no longer has the role {grant.title}.", "ok")
    return redirect(_page_of(operator_id))


@blueprint.route("/<int:operator_id>/deactivate", methods=["GET", "POST"])
@requires("admin.operators.edit")
def deactivate(operator_id: int) -> ResponseReturnValue:
    """Say what will happen, then lock the operator out."""
    operator = queries.get_operator(operator_id)
    me = identity.current_operator()
    if request.method == "GET" and operator.id != me.id:
        count = len(queries.list_sessions(operator_id))
        return render_template("users/deactivate.html", operator=operator, session_count=count)
    service.deactivate(operator, by_operator_id=me.id)
    db.session.commit()
    flash(f"{operator.name} is deactivated and logged out everywhere.", "ok")
    return redirect(_page_of(operator_id))


@blueprint.post("/<int:operator_id>/reactivate")
@requires("admin.operators.edit")
def reactivate(operator_id: int) -> ResponseReturnValue:
    """Let an operator in again."""
    operator = queries.get_operator(operator_id)
    service.reactivate(operator)
    db.session.commit()
    flash(f"{operator.name} can log in again.", "ok")
    return redirect(_page_of(operator_id))


@blueprint.post("/<int:operator_id>/sessions/<int:session_id>/revoke")
@requires("admin.operators.edit")
def revoke(operator_id: int, session_id: int) -> ResponseReturnValue:
    """End somebody's session."""
    sessions.revoke_session(queries.get_operator(operator_id), session_id)
    db.session.commit()
    flash("The session is ended.", "ok")
    return redirect(_page_of(operator_id))


def _show(operator: Operator, form: GrantForm) -> str:
    permission = request.args.get("permission", "").strip()
    tenant = request.args.get("tenant", "").strip() or None
    return render_template(
        "users/operator.html",
        operator=operator,
        form=form,
        me=identity.current_operator(),
        sessions=queries.list_sessions(operator.id),
        summaries={role.value: SUMMARIES[role] for role in Role},
        answer=service.explain(operator.email, permission, tenant) if permission else "",
    )


def _page_of(operator_id: int) -> str:
    return url_for("operators.show", operator_id=operator_id)


def _tenant_choices() -> list[tuple[str, str]]:
    return [(tenant.slug, tenant.name) for tenant in known_tenants()]
