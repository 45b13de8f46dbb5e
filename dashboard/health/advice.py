"""Says of each topic why it matters, what to do about it, and on which page. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from dashboard.health.judging import RANK, Finding

LOOK = "health.page"


@dataclass(frozen=True)
class Advice:
    """Why a number matters and what to do when it is bad; `endpoint` is where."""

    why: str
    action: str
    endpoint: str = LOOK


ADVICE: dict[str, Advice] = {
    "The ERP primary": Advice(
        "Without it nobody works, and all figures below are old.",
        "Read the server's log; start the server if it is down. It recovers by itself.",
        "server.page",
    ),
    "Connections": Advice(
        "At the limit nobody gets in any more: neither people nor jobs, nor you.",
        "See who holds them. Idle ones of one application: its pool is too large, or use PgBouncer.",
        "activity.page",
    ),
    "Shared buffers": Advice(
        "What is not in memory is read from disk, a hundred times slower.",
        "Look for queries that read whole tables. If there are none, raise shared_buffers or memory.",
        "tables.page",
    ),
    "Wraparound": Advice(
        "At zero the server stops taking writes, to save the data.",
        "End what holds the oldest transaction back, then VACUUM the oldest tables.",
        "tables.page",
    ),
    "Idle in transaction": Advice(
        "It keeps its locks, and vacuum may remove no row that is younger.",
        "Ask its application; end the session if nobody does. Set idle_in_transaction_session_timeout.",
        "activity.page",
    ),
    "Long transaction": Advice(
        "Vacuum may remove no row that is younger: tables and indexes grow.",
        "Is it a report or a dump, let it end. Else cancel it.",
        "activity.page",
    ),
    "Blocked": Advice(
        "People look at a page that does not come; each new waiter adds a connection.",
        "The tree of locks shows who is at its head: cancel or end that session.",
        "activity.page",
    ),
    "Frozen commits": Advice(
        "Writes hang though nobody holds a lock: the synchronous standby does not confirm.",
        "Bring the standby back, or decide to go on without it.",
        "replication.page",
    ),
    "Prepared transactions": Advice(
        "They outlive their session and a restart, with their locks, and hold back vacuum.",
        "Ask the transaction manager that made it; then COMMIT PREPARED or ROLLBACK PREPARED.",
        "activity.page",
    ),
    "Vacuum is held back": Advice(
        "Dead rows stay; tables, indexes and the age of transactions grow.",
        "The activity page names who: end the session, the prepared transaction, or drop the slot.",
        "activity.page",
    ),
    "Rollbacks": Advice(
        "Work is done and thrown away; people meet errors.",
        "The server's log groups the errors: the most frequent one first.",
        "server.page",
    ),
    "Deadlocks": Advice(
        "Somebody's work is thrown away each time.",
        "The log names both statements. Let them touch rows in the same order.",
        "server.page",
    ),
    "Archiver": Advice(
        "WAL that is not archived is on the primary only, and fills its disk.",
        "The server's log has the words of archive_command.",
        "backups.page",
    ),
    "Disk": Advice(
        "A full disk stops the server; it needs room to come up again.",
        "See what grew: WAL kept by a slot, backups, the largest tables.",
        "services.page",
    ),
    "Machine": Advice(
        "A machine without memory swaps and everything is slow; with none left the system kills processes.",
        "See which process takes it. Lower shared_buffers, work_mem or the number of workers, or add memory.",
        "services.page",
    ),
    "Broker": Advice(
        "Jobs come through it: no backup, no probe, no mail starts without it.",
        "Bring it back or give it memory; what was asked for is kept in the control database.",
        "services.page",
    ),
    "Cache": Advice(
        "Pages are slower without it; nothing on them is wrong.",
        "Bring it back, or raise maxmemory.",
        "services.page",
    ),
    "PgBouncer": Advice(
        "Clients wait for a server connection before their query even begins.",
        "See who holds the server connections; raise default_pool_size if the server can bear it.",
        "services.page",
    ),
    "Queues": Advice(
        "Work that nobody takes is not done: backups, probes, mails.",
        "Start a worker of the queue; see why the last one ended.",
        "services.page",
    ),
    "File store": Advice(
        "Attachments cannot be opened or saved.",
        "Look at the store's own state, its credentials and the network.",
        "services.page",
    ),
    "Invalid indexes": Advice(
        "Every write pays for them, no read may use them; a unique one does not keep rows unique.",
        "REINDEX INDEX CONCURRENTLY, or drop it and let the migration make it anew.",
        "tables.page",
    ),
    "Unused indexes": Advice(
        "Every write pays for them, they take disk and memory.",
        "See that no yearly report needs it, then drop it by a migration: it is in every tenant.",
        "tables.page",
    ),
    "Duplicate indexes": Advice(
        "Every write pays twice for what one index does.",
        "Drop all but the first by a migration.",
        "tables.page",
    ),
    "Bloat": Advice(
        "Empty space is read, cached and backed up like the rest.",
        "REINDEX CONCURRENTLY an index; for a table VACUUM FULL in a maintenance window, or pg_repack.",
        "tables.page",
    ),
    "Sequences": Advice(
        "At the end the next INSERT fails.",
        "Make column and sequence bigint by a migration, before it is needed.",
        "tables.page",
    ),
    "Settings": Advice(
        "The server runs with other settings than its files say; the next restart changes them.",
        "See which, and plan a restart or take the change back.",
        "server.page",
    ),
    "Extensions": Advice(
        "What the strategy relies on is not there.",
        "Install it from the Server page, or give the SQL to the superuser.",
        "server.page",
    ),
    "Encryption": Advice(
        "Whoever is on the network between reads along: data, and queries with their values.",
        "Let the clients say sslmode=require; allow only hostssl in pg_hba.conf.",
        "server.page",
    ),
    "Certificates": Advice(
        "After its end clients that verify it do not connect any more.",
        "Renew it and reload the server; no restart is needed.",
        "server.page",
    ),
    "Server log": Advice(
        "The server says itself what is wrong before anybody notices.",
        "Read the messages, the worst level first.",
        "server.page",
    ),
}


def advised(findings: Iterable[Finding]) -> list[Finding]:
    """Add why and what to do to each finding, and put the most severe first."""
    return sorted((_advised(finding) for finding in findings), key=lambda one: -RANK[one.level])


def _advised(finding: Finding) -> Finding:
    known = ADVICE.get(finding.topic)
    if known is None or finding.why:
        return finding
    return replace(finding, why=known.why, action=known.action, endpoint=known.endpoint)
