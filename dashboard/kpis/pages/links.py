"""Leads from a page of insights to narrower filters, proofs and records; without a reader, nowhere."""

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlencode

from dashboard.core.filters import url_if
from dashboard.core.web import can
from dashboard.records import registry
from dashboard.records.urls import record_url


class NoLinks:
    """For exports and mails: every address is ''."""

    def page(self, name: str, arguments: Mapping[str, str]) -> str:
        """Address of a page of insights."""
        _ = name, arguments
        return ""

    def proof(self, code: str, arguments: Mapping[str, str]) -> str:
        """Address of the records behind a number."""
        _ = code, arguments
        return ""

    def record(self, entity: str, record_id: int) -> str:
        """Address of one record."""
        _ = entity, record_id
        return ""


class Links(NoLinks):
    """For the person of this request: what they may not open has no address.

    A page has hundreds of addresses that differ in their arguments only: each path is looked up once.
    """

    def __init__(self) -> None:
        self.paths: dict[tuple[str, str], str] = {}

    def page(self, name: str, arguments: Mapping[str, str]) -> str:
        """Address of a page of insights."""
        endpoint = "insights.index" if name == "overview" else f"insights_{name}.page"
        return self._address(endpoint, f"insights.{name}.view", "", arguments)

    def proof(self, code: str, arguments: Mapping[str, str]) -> str:
        """Address of the records behind a number."""
        return self._address("insights.proof", "insights.proof.view", code, arguments)

    def record(self, entity: str, record_id: int) -> str:
        """Address of one record."""
        screen = registry.find(entity)
        return record_url(entity, record_id) if screen and screen.spec.allows("view") else ""

    def _address(self, endpoint: str, permission: str, code: str, arguments: Mapping[str, str]) -> str:
        key = endpoint, code
        if key not in self.paths:
            named = {"code": code} if code else {}
            self.paths[key] = url_if(endpoint, **named) if can(permission) else ""
        path = self.paths[key]
        query = _query(tuple(arguments.items()))
        return f"{path}?{query}" if path and query else path


@lru_cache(maxsize=10_000)
def _query(arguments: tuple[tuple[str, str], ...]) -> str:
    return urlencode(arguments)
