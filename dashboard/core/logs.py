"""Owns logging: one JSON line per event, with the request id and without secrets."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from flask import g, has_request_context

SECRET_NAMES = re.compile(r"password|passwd|secret|token|cookie|authorization", re.IGNORECASE)
URL_PASSWORD = re.compile(r"(\w+://[^:/@\s]*:)[^@\s]+@")


def configure(level: str = "INFO") -> None:
    """Send structlog and the standard library's loggers to stderr as JSON."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            add_request_id,
            structlog.processors.format_exc_info,
            hide_secrets,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(
            sys.__stderr__
        ),  # cached loggers must outlive a redirection
        cache_logger_on_first_use=True,
    )


def add_request_id(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Stamp events of a request with its id."""
    if has_request_context() and "request_id" in g:
        event["request_id"] = g.request_id
    return event


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank fields named like secrets and passwords inside URLs."""
    for key, value in event.items():
        if SECRET_NAMES.search(key):
            event[key] = "…"
        elif isinstance(value, str):
            event[key] = URL_PASSWORD.sub(r"\1…@", value)
    return event
