"""Owns the settings: read from the environment, secret files and the stack's own file, checked at start."""

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from dashboard.core.addresses import for_sqlalchemy

CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULT_SECRET = "only-for-development"  # noqa: S105  # production refuses it
STACK_FILE = "stack.env"


class ConfigurationError(Exception):
    """A setting is missing or wrong; the message names the variable."""


class Member(BaseModel):
    """One server of the ERP cluster that is expected to exist, by name, whether or not it is there now.

    Who is the primary is read from the servers, never set; `mode` is what holds while it is a standby.
    """

    name: str
    zone: str
    region: str
    mode: Literal["sync", "async"]
    url: str


Standby = Member


PostgresUrl = Annotated[str, BeforeValidator(for_sqlalchemy), Field(pattern=r"^postgresql\+psycopg2://")]
# The environment is decoded by pydantic-settings, a file's text is not.
Standbys = Annotated[
    tuple[Member, ...], BeforeValidator(lambda value: json.loads(value) if isinstance(value, str) else value)
]
Primary = Annotated[
    Member | None, BeforeValidator(lambda value: json.loads(value) if isinstance(value, str) else value)
]
# redis+sentinel://:secret@host:26379,host:26379/name-of-the-master/0 asks the sentinels who the master is.
RedisUrl = Annotated[str, Field(pattern=r"^(rediss?|rediss?\+sentinel|unix)://")]
Names = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(lambda text: text.lower().replace(",", " ").split() if isinstance(text, str) else text),
]
Options = Annotated[
    dict[str, Any],
    NoDecode,
    BeforeValidator(lambda value: json.loads(value) if isinstance(value, str) else value),
]


class Settings(BaseSettings):
    """Everything a deployment can set; the names are those of the environment."""

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True, frozen=True)

    env: Literal["dev", "test", "production"] = Field("dev", validation_alias="STEWARD_ENV")
    home: Path = Field(CHECKOUT / ".steward", validation_alias="STEWARD_HOME")
    port: int = Field(8000, ge=1, le=65535, validation_alias="STEWARD_PORT")
    base_url: str = Field("", validation_alias="STEWARD_BASE_URL")
    secret_key: str = Field(DEFAULT_SECRET, min_length=16, validation_alias="STEWARD_SECRET_KEY")

    control_url: PostgresUrl = Field(validation_alias="STEWARD_CONTROL_URL")
    database_url: PostgresUrl = Field(validation_alias="DATABASE_URL")
    database_direct_url: PostgresUrl = Field(validation_alias="DATABASE_DIRECT_URL")
    database_monitor_url: PostgresUrl = Field(validation_alias="DATABASE_MONITOR_URL")
    database_sslmode: Literal["", "disable", "prefer", "require", "verify-ca", "verify-full"] = Field(
        "", validation_alias="DATABASE_SSLMODE"
    )
    # The server that was the first primary, and the others: `members` is all of them.
    primary: Primary = Field(None, validation_alias="DATABASE_PRIMARY")
    standbys: Standbys = Field((), validation_alias="DATABASE_STANDBYS")
    # Where Patroni runs the cluster: the addresses of its REST API (comma between), and login and TLS for it.
    patroni_url: str = Field("", validation_alias="STEWARD_PATRONI_URL")
    patroni_options: Options = Field({}, validation_alias="STEWARD_PATRONI_OPTIONS", repr=False)
    pool_size: int = Field(8, ge=1, le=200, validation_alias="DATABASE_POOL_SIZE")
    pool_overflow: int = Field(8, ge=0, le=200, validation_alias="DATABASE_POOL_OVERFLOW")
    pool_pre_ping: bool = Field(default=True, validation_alias="DATABASE_POOL_PRE_PING")
    echo: bool = Field(default=False, validation_alias="DATABASE_ECHO")

    # The admin console of PgBouncer (its database is called pgbouncer), as one of its stats_users.
    pgbouncer_url: str = Field(
        "", pattern=r"^(postgres(ql)?://.+)?$", validation_alias="STEWARD_PGBOUNCER_URL", repr=False
    )
    broker_url: RedisUrl = Field(validation_alias="STEWARD_BROKER_URL")
    cache_url: RedisUrl = Field(validation_alias="STEWARD_CACHE_URL")

    barman_config: Path | None = Field(None, validation_alias="STEWARD_BARMAN_CONFIG")
    barman_server: str = Field("main", validation_alias="STEWARD_BARMAN_SERVER")
    barman_bin: str = Field("barman", validation_alias="STEWARD_BARMAN_BIN")
    pg_bin: Path | None = Field(None, validation_alias="STEWARD_PG_BIN")
    # A second home of the backups: s3://bucket/prefix or file:///folder, and its driver's options.
    offsite_url: str = Field("", validation_alias="STEWARD_OFFSITE_URL")
    offsite_options: Options = Field({}, validation_alias="STEWARD_OFFSITE_OPTIONS", repr=False)

    backup_provider: Literal["barman", "rds"] = Field("barman", validation_alias="STEWARD_BACKUP_PROVIDER")
    # A login that may read past row-level security (BYPASSRLS); without it the owner dumps what it may.
    backup_url: PostgresUrl | None = Field(None, validation_alias="STEWARD_BACKUP_URL", repr=False)
    copies_url: str = Field("", validation_alias="STEWARD_COPIES_URL")
    copies_options: Options = Field({}, validation_alias="STEWARD_COPIES_OPTIONS", repr=False)
    rds_instance: str = Field("", validation_alias="STEWARD_RDS_INSTANCE")
    rds_region: str = Field("", validation_alias="STEWARD_RDS_REGION")
    rds_endpoint: str = Field("", validation_alias="STEWARD_RDS_ENDPOINT")

    # Who stops, starts and promotes the ERP servers where the stack does not (runbooks/switchover.md).
    failover_command: str = Field("", validation_alias="STEWARD_FAILOVER_COMMAND")

    smtp_url: str = Field("", validation_alias="STEWARD_SMTP_URL")
    mail_from: str = Field("steward@localhost", validation_alias="STEWARD_MAIL_FROM")
    # Where a ping goes every minute while the watch is well; who gets none for long knows that it is not.
    deadman_url: str = Field(
        "", pattern=r"^(https?://.+)?$", validation_alias="STEWARD_DEADMAN_URL", repr=False
    )
    # Webhooks go out over TLS to public addresses; these hosts, or all private networks, are allowed besides.
    webhook_hosts: Names = Field((), validation_alias="STEWARD_WEBHOOK_HOSTS")
    webhook_private: bool = Field(default=False, validation_alias="STEWARD_WEBHOOK_PRIVATE")
    files_url: str = Field("", validation_alias="STEWARD_FILES_URL")
    files_options: Options = Field({}, validation_alias="STEWARD_FILES_OPTIONS", repr=False)
    files_max_bytes: int = Field(
        10 * 1024**2, ge=1024, le=1024**3, validation_alias="STEWARD_FILES_MAX_BYTES"
    )
    files_types: str = Field("", validation_alias="STEWARD_FILES_TYPES")
    files_link_seconds: int = Field(300, ge=5, le=86_400, validation_alias="STEWARD_FILES_LINK_SECONDS")
    files_accel: str = Field("", pattern=r"^(/[\w/-]*)?$", validation_alias="STEWARD_FILES_ACCEL")
    clamd: str = Field("", pattern=r"^((tcp://.+:\d+)|(unix:///.+))?$", validation_alias="STEWARD_CLAMD")
    # What `flask release` runs to restart web, workers and scheduler where the embedded stack does not.
    release_command: str = Field("", validation_alias="STEWARD_RELEASE_COMMAND")
    # What Prometheus shows to read /metrics; without one only this machine itself may.
    metrics_token: str = Field("", repr=False, validation_alias="STEWARD_METRICS_TOKEN")
    trusted_proxies: int = Field(0, ge=0, le=5, validation_alias="STEWARD_TRUSTED_PROXIES")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # pydantic passes all four by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then NAME_FILE secrets, then the running stack's own file."""
        return (init_settings, env_settings, _FileSource(settings_cls))

    @model_validator(mode="after")
    def _refuse_development_secret(self) -> Self:
        if self.env == "production" and self.secret_key == DEFAULT_SECRET:
            raise ValueError("STEWARD_SECRET_KEY must be set in production")
        return self

    @model_validator(mode="after")
    def _tell_members_apart(self) -> Self:
        names = [member.name for member in self.members]
        if len(set(names)) < len(names):
            raise ValueError(
                f"DATABASE_PRIMARY and DATABASE_STANDBYS name a server twice: {', '.join(names)}"
            )
        return self

    @model_validator(mode="after")
    def _name_the_managed_instance(self) -> Self:
        if self.backup_provider == "rds" and not (self.rds_instance and self.rds_region):
            raise ValueError("STEWARD_BACKUP_PROVIDER=rds needs STEWARD_RDS_INSTANCE and STEWARD_RDS_REGION")
        return self

    @property
    def backup_server(self) -> str:
        """What the catalogue files its backups under: Barman's server, or the managed instance."""
        return self.rds_instance if self.backup_provider == "rds" else self.barman_server

    @property
    def members(self) -> tuple[Member, ...]:
        """Every server of the ERP cluster by name; without DATABASE_PRIMARY only the standbys are known."""
        return (self.primary, *self.standbys) if self.primary else self.standbys

    @property
    def url(self) -> str:
        """The address people open, without a trailing slash."""
        return self.base_url.rstrip("/") or f"http://127.0.0.1:{self.port}"

    @property
    def is_https(self) -> bool:
        """Whether people reach it over TLS, so that cookies may be marked secure."""
        return self.url.startswith("https://")


class _FileSource(PydanticBaseSettingsSource):
    """Values from `NAME_FILE` secrets, else from the stack's file in the data folder."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        home = Path(os.environ.get("STEWARD_HOME", CHECKOUT / ".steward"))
        of_stack = read_env_file(home / STACK_FILE).items()
        unset = {name: value for name, value in of_stack if name not in os.environ}
        return unset | read_secret_files(os.environ)


def read_env_file(path: Path) -> dict[str, str]:
    """`NAME=value` lines of a file; nothing when it does not exist."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def read_secret_files(environment: Mapping[str, str]) -> dict[str, str]:
    """The contents of the files that `NAME_FILE` variables of our settings point at."""
    values = {}
    for name in _variable_names():
        path = environment.get(f"{name}_FILE")
        if path and name not in environment:
            try:
                values[name] = Path(path).read_text().strip()
            except OSError as error:
                raise ConfigurationError(f"{name}_FILE={path} cannot be read: {error.strerror}") from error
    return values


def _variable_names() -> list[str]:
    return [str(field.validation_alias) for field in Settings.model_fields.values()]


def load_settings() -> Settings:
    """Read and check all settings. Raises ConfigurationError with one line per wrong variable."""
    try:
        return Settings()  # type: ignore[call-arg]  # values come from the sources above
    except ValidationError as error:
        raise ConfigurationError(_explain(error)) from error


def _explain(error: ValidationError) -> str:
    lines = [f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors()]
    hint = "Start the embedded stack with `make up`, or set these variables."
    return "Steward cannot start:\n  " + "\n  ".join(lines) + f"\n{hint}"


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process, read once."""
    return load_settings()
