"""Settings come from the environment, secret files or the stack's file, and wrong ones are named."""

from pathlib import Path

import pytest

from dashboard.core import config
from dashboard.core.config import ConfigurationError, load_settings

COMPLETE = {
    "STEWARD_SECRET_KEY": "a-long-enough-secret",
    "STEWARD_CONTROL_URL": "postgresql://steward:pw@127.0.0.1/control",
    "DATABASE_URL": "postgres://app:pw@127.0.0.1/erp",
    "DATABASE_DIRECT_URL": "postgresql://owner:pw@127.0.0.1/erp",
    "DATABASE_MONITOR_URL": "postgresql+psycopg2://monitor:pw@127.0.0.1/erp",
    "STEWARD_BROKER_URL": "redis://127.0.0.1:1/0",
    "STEWARD_CACHE_URL": "rediss://127.0.0.1:1/1",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A complete environment with an empty data folder."""
    for name in config._variable_names():
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("STEWARD_HOME", str(tmp_path))
    return monkeypatch


def test_urls_name_their_driver(environment: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    urls = (settings.control_url, settings.database_url, settings.database_monitor_url)
    assert all(url.startswith("postgresql+psycopg2://") for url in urls)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://x"),
        ("STEWARD_PORT", "70000"),
        ("STEWARD_PORT", "eight"),
        ("DATABASE_POOL_SIZE", "0"),
        ("DATABASE_ECHO", "perhaps"),
        ("STEWARD_SECRET_KEY", "short"),
        ("STEWARD_CACHE_URL", "http://x"),
        ("DATABASE_SSLMODE", "maybe"),
        ("DATABASE_STANDBYS", '[{"name": "dr"}]'),
        ("DATABASE_PRIMARY", '{"name": "az-a"}'),
    ],
)
def test_a_wrong_value_is_refused_and_named(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        load_settings()


def test_a_missing_variable_is_named_with_what_to_do(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("DATABASE_URL")
    with pytest.raises(ConfigurationError, match=r"DATABASE_URL: Field required[\s\S]*make up"):
        load_settings()


def test_a_secret_file_serves_where_the_variable_is_unset(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from-a-mounted-file\n")
    environment.delenv("STEWARD_SECRET_KEY")
    environment.setenv("STEWARD_SECRET_KEY_FILE", str(secret))
    assert load_settings().secret_key == "from-a-mounted-file"


def test_an_unreadable_secret_file_is_named(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.delenv("STEWARD_SECRET_KEY")
    environment.setenv("STEWARD_SECRET_KEY_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match="STEWARD_SECRET_KEY_FILE"):
        load_settings()


def test_the_running_stack_is_found_through_its_file(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in COMPLETE:
        environment.delenv(name)
    lines = [f"{name}={value}" for name, value in COMPLETE.items()]
    (tmp_path / "stack.env").write_text("# made by the stack\n" + "\n".join(lines) + "\n")
    assert load_settings().database_url.endswith("/erp")


def test_the_environment_wins_over_the_stacks_file(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "stack.env").write_text("STEWARD_PORT=9001\nDATABASE_POOL_SIZE=3\n")
    environment.setenv("STEWARD_PORT", "9002")
    settings = load_settings()
    assert (settings.port, settings.pool_size) == (9002, 3)


def test_production_refuses_the_development_secret(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("STEWARD_ENV", "production")
    environment.setenv("STEWARD_SECRET_KEY", config.DEFAULT_SECRET)
    with pytest.raises(ConfigurationError, match="STEWARD_SECRET_KEY must be set in production"):
        load_settings()


def test_the_address_follows_the_port_unless_given(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("STEWARD_PORT", "8123")
    assert load_settings().url == "http://127.0.0.1:8123"
    environment.setenv("STEWARD_BASE_URL", "https://erp.example.com/")
    settings = load_settings()
    assert (settings.url, settings.is_https) == ("https://erp.example.com", True)


def test_standbys_are_expected_by_name(environment: pytest.MonkeyPatch) -> None:
    environment.setenv(
        "DATABASE_STANDBYS",
        '[{"name": "dr", "zone": "a", "region": "far", "mode": "async", "url": "postgresql://x"}]',
    )
    assert load_settings().standbys[0].name == "dr"


def test_members_are_the_primary_and_the_standbys(environment: pytest.MonkeyPatch) -> None:
    entry = '{"name": "%s", "zone": "a", "region": "far", "mode": "async", "url": "postgresql://x"}'
    environment.setenv("DATABASE_STANDBYS", f"[{entry % 'dr'}]")
    assert [member.name for member in load_settings().members] == ["dr"]
    environment.setenv("DATABASE_PRIMARY", entry % "az-a")
    assert [member.name for member in load_settings().members] == ["az-a", "dr"]
    environment.setenv("DATABASE_PRIMARY", entry % "dr")
    with pytest.raises(ConfigurationError, match="name a server twice"):
        load_settings()
