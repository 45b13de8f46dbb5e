"""Pages for people who are not logged in yet: login, forgotten password, link from a mail."""

from http import HTTPStatus

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.audit.service import record_operation
from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError
from dashboard.core.web import public
from dashboard.users import authentication, identity, mails, sessions, throttle
from dashboard.users.authentication import TooManyTriesError
from dashboard.users.forms import ForgottenForm, LoginForm, SetPasswordForm, show_errors, typed
from dashboard.users.models import Operator
from dashboard.users.redirects import own_path

LINK = "password_link"
# The order matters: Edge and Opera also say Chrome, and all of them say Safari.
BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)

blueprint = Blueprint("users", __name__)


@blueprint.route("/login", methods=["GET", "POST"])
@public
def login() -> ResponseReturnValue:
    """Show the form, or take e-mail and password."""
    target = own_path(request.args.get("next"))
    if current_user.is_authenticated:  # type: ignore[attr-defined]
        return redirect(target)
    form = LoginForm()
    if request.method == "GET":
        return render_template("users/login.html", form=form, target=target)
    if not form.validate():
        return _refuse(form, target, HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        operator = authentication.authenticate(typed(form.email), typed(form.password), ip=client_ip())
    except TooManyTriesError as error:
        form.form_errors.append(error.message)
        return _refuse(form, target, HTTPStatus.TOO_MANY_REQUESTS, wait_seconds=error.wait_seconds)
    if operator is None:
        form.form_errors.append("E-mail or password is wrong.")
        return _refuse(form, target, HTTPStatus.UNAUTHORIZED)
    _enter(operator, is_remembered=form.remember.data)
    return redirect(target)


@blueprint.app_template_filter("device")
def name_device(user_agent: str) -> str:
    """Browser and system as people call them, from what the browser says of itself."""
    browser = next((name for sign, name in BROWSERS if sign in user_agent), "")
    system = next((name for sign, name in SYSTEMS if sign in user_agent), "")
    return " on ".join(filter(None, (browser, system))) or user_agent[:40] or "Unknown device"


def client_ip() -> str:
    """Address of the browser, as far as the trusted proxies tell."""
    return request.remote_addr or ""


def _refuse(form: LoginForm, target: str, status: HTTPStatus, wait_seconds: int = 0) -> Response:
    response = make_response(render_template("users/login.html", form=form, target=target), status)
    if wait_seconds:
        response.headers["Retry-After"] = str(wait_seconds)
    return response


def _enter(operator: Operator, *, is_remembered: bool) -> None:
    """End the session this browser may still hold, start a new one."""
    identity.log_in(
        operator,
        ip=client_ip(),
        user_agent=request.user_agent.string,
        is_remembered=is_remembered,
    )
    db.session.commit()


@blueprint.post("/logout")
@public
def logout() -> ResponseReturnValue:
    """End this session, in the browser and in the database."""
    if current_user.is_authenticated:  # type: ignore[attr-defined]
        operator = identity.current_operator()
        sessions.end_session(operator.session_id)
        record_operation("login.end", operator.email)
        db.session.commit()
    identity.log_out()
    flash("You are logged out.", "ok")
    return redirect(url_for("users.login"))


@blueprint.route("/forgotten-password", methods=["GET", "POST"])
@public
def forgotten() -> ResponseReturnValue:
    """Take an address and always answer the same; the mail is sent after the answer."""
    form = ForgottenForm()
    if request.method == "GET":
        return render_template("users/forgotten.html", form=form)
    if not form.validate():
        return render_template("users/forgotten.html", form=form), HTTPStatus.UNPROCESSABLE_ENTITY
    response = make_response(render_template("users/forgotten_sent.html"))
    _send_after(response, typed(form.email))
    return response


def _send_after(response: Response, email: str) -> None:
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001

    def send() -> None:
        with app.app_context():
            mails.send_reset(email)

    response.call_on_close(send)


@blueprint.route("/set-password", methods=["GET", "POST"])
@public
def set_password() -> ResponseReturnValue:
    """Choose a password with the link of an invitation or a reset."""
    if "token" in request.args:
        # Move the secret out of the address: no history, no referrer, no second look over the shoulder.
        cookie[LINK] = request.args["token"]
        return redirect(url_for("users.set_password"))
    token = str(cookie.get(LINK, ""))
    link = authentication.find_link(token) if token else None
    if link is None:
        cookie.pop(LINK, None)
        return render_template("users/link_void.html"), HTTPStatus.GONE
    form = SetPasswordForm()
    if form.validate_on_submit():
        try:
            operator = authentication.set_password_by_link(token, typed(form.password))
        except InvalidInputError as error:
            db.session.rollback()
            show_errors(form, error)
        else:
            db.session.commit()
            throttle.forgive(operator.email, client_ip())
            identity.log_out()
            flash("Your password is set. Log in with it.", "ok")
            return redirect(url_for("users.login"))
    status = HTTPStatus.UNPROCESSABLE_ENTITY if request.method == "POST" else HTTPStatus.OK
    return render_template("users/set_password.html", form=form, link=link), status
