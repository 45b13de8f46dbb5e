"""A cache keeps tenants apart, and losing it costs speed only."""

import pytest
from flask import Flask, g

from dashboard.core import caching
from dashboard.core.caching import caches
from dashboard.core.config import Settings
from dashboard.servers import free_port
from dashboard.tenancy.models import TenantRef


def test_a_value_comes_back_for_its_own_tenant_only(app: Flask, acme: TenantRef, globex: TenantRef) -> None:
    with app.test_request_context():
        g.tenant = acme
        caches.reports.set("answer", [1, 2])
        assert caches.reports.get("answer") == [1, 2]
        g.tenant = globex
        assert caches.reports.get("answer") is None


def test_caches_do_not_see_each_other(app: Flask) -> None:
    with app.test_request_context():
        caches.reports.set("shared-name", "report")
        assert caches.permissions.get("shared-name") is None


def test_a_value_is_computed_once(app: Flask) -> None:
    calls = []

    def compute() -> int:
        calls.append(1)
        return 42

    with app.test_request_context():
        values = [caches.default.get_or("computed-once", compute) for _ in range(3)]
    assert (values, len(calls)) == ([42, 42, 42], 1)


def test_a_lost_cache_costs_speed_only(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Flask("nowhere")
    lonely = caching.NamedCache("lonely", 5)
    monkeypatch.setattr(caching, "caches", caching.Caches(lonely, lonely, lonely))
    caching.init_app(app, settings.model_copy(update={"cache_url": f"redis://127.0.0.1:{free_port()}/0"}))
    with app.test_request_context():
        assert lonely.get_or("x", lambda: "computed") == "computed"
        assert lonely.get("x") is None
