"""Barman through the interface: what the engine says, unchanged."""

from collections.abc import Callable

import pytest
from flask import Flask

from dashboard.backups.providers.choice import provider_of
from dashboard.backups.providers.interface import Provider, ProviderError
from dashboard.backups.service import barman_of
from dashboard.core.config import ConfigurationError, Settings, load_settings
from tests.cluster import Cluster


@pytest.mark.slow
@pytest.mark.xdist_group("cluster")
def test_interface_says_what_the_engine_says(app: Flask, whole_cluster: Cluster, settings: Settings) -> None:
    observed = whole_cluster.settings(settings)
    provider, barman = provider_of(observed), barman_of(observed)
    provider.tend()
    assert [one.backup_id for one in provider.list_backups()] == [
        one.backup_id for one in barman.list_backups()
    ]
    assert {one.name for one in provider.check()} == {one.name for one in barman.check()}
    assert "error" not in provider.sync()
    provider.window()


@pytest.mark.parametrize(
    "ask", [lambda one: one.tend(), lambda one: one.list_backups(), lambda one: one.check()]
)
def test_barman_that_is_not_set_up_says_so(settings: Settings, ask: Callable[[Provider], object]) -> None:
    bare = settings.model_copy(update={"barman_config": None})
    with pytest.raises(ProviderError, match="Barman is not set up"):
        ask(provider_of(bare))


def test_managed_service_must_be_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEWARD_BACKUP_PROVIDER", "rds")
    with pytest.raises(ConfigurationError, match="needs STEWARD_RDS_INSTANCE and STEWARD_RDS_REGION"):
        load_settings()
