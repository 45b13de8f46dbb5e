"""Sessions of a tenant on a standby: read-only, as the tenant's role, and only for a short time."""

import time
from threading import Lock

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.orm import Session, SessionTransaction

from dashboard.core.config import Member, Settings
from dashboard.core.db import connect_arguments
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import quote

CATCH_UP_SECONDS = 1.0
LOOK_AGAIN_SECONDS = 0.02
IDLE_SECONDS = 60
OF_THE_PRIMARY = ("host", "port", "target_session_attrs")
_STATE = "SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() >= CAST(:until AS pg_lsn)"
_engines: dict[URL, Engine] = {}
_lock = Lock()


class NotUsableError(Exception):
    """The standby answers but must not be read; the message follows its name."""


def open_session(
    settings: Settings, member: Member, tenant: TenantRef, *, until: str | None, seconds: int
) -> Session:
    """Open one. It has replayed up to `until` (an LSN of the primary) where that is given.

    Raises NotUsableError where the server is a standby no more or does not catch up within a second, and
    SQLAlchemyError where it does not answer or does not know the tenant yet. The caller closes the session.
    """
    session = Session(engine_of(settings, member), expire_on_commit=False)

    def enter(_session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
        _enter(connection, tenant, seconds)

    event.listen(session, "after_begin", enter)
    try:
        _wait(session, until)
    except BaseException:
        session.close()
        raise
    return session


def _enter(connection: Connection, tenant: TenantRef, seconds: int) -> None:
    """As on the primary: SET LOCAL only. Savepoints do not occur in a session that only reads."""
    connection.exec_driver_sql(
        f"SET TRANSACTION READ ONLY; SET LOCAL ROLE {quote(connection, tenant.role)};"
        f" SET LOCAL search_path TO {quote(connection, tenant.schema)}, public, pg_temp;"
        f" SET LOCAL statement_timeout TO '{seconds}s';"
        f" SET LOCAL idle_in_transaction_session_timeout TO '{IDLE_SECONDS}s'"
    )


def _wait(session: Session, until: str | None) -> None:
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while True:
        is_standby, has_all = session.execute(text(_STATE), {"until": until}).one()
        if not is_standby:
            raise NotUsableError("is a standby no more")
        if until is None or has_all:
            return
        if time.monotonic() > deadline:
            raise NotUsableError(f"did not catch up within {CATCH_UP_SECONDS:g} s")
        time.sleep(LOOK_AGAIN_SECONDS)


def engine_of(settings: Settings, member: Member) -> Engine:
    """The engine of the application's login on a standby; one per process, with few connections."""
    url = address(settings, member)
    with _lock:
        if url not in _engines:
            arguments = connect_arguments(settings) | {"connect_timeout": 2}
            _engines[url] = create_engine(
                url,
                pool_size=2,
                max_overflow=4,
                pool_timeout=1,
                pool_recycle=1800,
                pool_pre_ping=True,
                connect_args=arguments,
            )
        return _engines[url]


def address(settings: Settings, member: Member) -> URL:
    """The application's login at the standby's own host, port and database."""
    mine, there = make_url(settings.database_url), make_url(member.url)
    query = {key: text_ for key, text_ in mine.query.items() if key not in OF_THE_PRIMARY}
    at = {key: text_ for key, text_ in there.query.items() if key in {"host", "port"}}
    return mine.set(host=there.host, port=there.port, database=there.database, query={**query, **at})
