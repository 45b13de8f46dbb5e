"""Owns the kinds of errors people see and the one handler that renders them."""

from collections.abc import Mapping
from http import HTTPStatus

import structlog
from flask import Flask, g, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import InterfaceError, OperationalError
from werkzeug.exceptions import HTTPException

log = structlog.get_logger()


class DashboardError(Exception):
    """Something a person can understand and act on. `fix` says what to do."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, message: str, *, fix: str = "", fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.fields = dict(fields or {})


class InvalidInputError(DashboardError):
    """The input breaks a rule; `fields` maps a field's name to its message."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class ConflictError(DashboardError):
    """The input is well formed but clashes with what is stored."""

    status = HTTPStatus.CONFLICT


class NotFoundError(DashboardError):
    """There is no such thing, or not for this person."""

    status = HTTPStatus.NOT_FOUND


class ForbiddenError(DashboardError):
    """The person's roles do not allow it."""

    status = HTTPStatus.FORBIDDEN


class UnavailableError(DashboardError):
    """A part of the system is away; `part` names it."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, part: str, message: str, *, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.part = part


def init_app(app: Flask) -> None:
    """Render every error as a page (or JSON where that was asked for)."""
    app.register_error_handler(DashboardError, _dashboard_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(InterfaceError, _database_away)
    app.register_error_handler(Exception, _unexpected)


def _dashboard_error(error: DashboardError) -> ResponseReturnValue:
    return render(error.status, error.message, fix=error.fix)


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error
    return render(HTTPStatus(error.code), error.description or error.name)


def _database_away(error: OperationalError | InterfaceError) -> ResponseReturnValue:
    log.warning("database_unavailable", error=str(error.orig))
    return render(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "A database this page needs does not answer.",
        fix="Nothing was changed. The Database desk says which part is away; try again when it is back.",
    )


def _unexpected(error: Exception) -> ResponseReturnValue:
    log.error("unexpected_error", exc_info=error)
    return render(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Something went wrong on our side.",
        fix="Nothing was saved. Try again; if it stays, give your administrator the request id below.",
    )


def render(status: HTTPStatus, message: str, *, fix: str = "") -> ResponseReturnValue:
    """Answer with the error page, or JSON when the client prefers that."""
    request_id = getattr(g, "request_id", "")
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify(error=message, fix=fix, request_id=request_id), status
    page = render_template(
        "errors/error.html", status=status, message=message, fix=fix, request_id=request_id
    )
    return page, status
