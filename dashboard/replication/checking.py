"""Checks settings against what the strategy asks, on the primary and on who may become it. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from dashboard.health.judging import CRITICAL, OK, WARNING
from dashboard.replication.judging import slot_of
from dashboard.replication.settings_probes import Parameter, ServerSettings
from dashboard.replication.synchronous.wanted import names_in, parameter

BARMANS = 2  # receive-wal, and a base backup
SPARE = 1
SHORTEST_LOG_MS = 1000
ARCHIVE_SECONDS = 60
LONGEST_TIMEOUT_MS = 60_000
DEGREES = ("off", "local", "remote_write", "on", "remote_apply")


@dataclass(frozen=True)
class Case:
    """One server: its name and settings, how many standbys follow a primary, whom commits shall wait for.

    `primary` are the primary's settings where this is a standby.
    """

    name: str
    own: ServerSettings
    standbys: int
    sync_names: tuple[str, ...] = ()
    primary: ServerSettings | None = None

    def text(self, name: str) -> str:
        """The value of a setting as it is kept."""
        return self.own.parameters[name].setting

    def number(self, name: str) -> int:
        """The value of a setting as a number in its unit."""
        return int(float(self.text(name)))

    def of_primary(self, name: str) -> int:
        """The primary's value of a setting, 0 where this is the primary."""
        known = self.primary.parameters.get(name) if self.primary else None
        return int(float(known.setting)) if known else 0


@dataclass(frozen=True)
class Asked:
    """What the strategy asks of a setting: in words, whether it holds, and the value to set."""

    words: str
    holds: bool
    target: str
    level: str = WARNING


@dataclass(frozen=True)
class Rule:
    """One setting, what is asked of it, and why."""

    name: str
    why: str
    ask: Callable[[Case], Asked | None]


@dataclass(frozen=True)
class Check:
    """A rule applied to a server. `fix` is SQL; with `restart` the server must be restarted after it."""

    name: str
    value: str
    wanted: str
    level: str
    why: str
    fix: str = ""
    restart: bool = False


def check(case: Case) -> list[Check]:
    """Return every rule that applies to this server and setting; what an older server lacks is left out."""
    found = []
    for rule in RULES:
        known = case.own.parameters.get(rule.name)
        asked = rule.ask(case) if known else None
        if known and asked:
            found.append(_checked(rule, known, asked))
    return found


def _checked(rule: Rule, known: Parameter, asked: Asked) -> Check:
    value, why = shown(known), rule.why
    if asked.holds and known.pending_restart:
        why = f"Its new value waits for a restart. {why}"
        return Check(rule.name, value, asked.words, WARNING, why, restart=True)
    if asked.holds:
        return Check(rule.name, value, asked.words, OK, why)
    restart = known.context == "postmaster"
    target = asked.target.replace("'", "''")
    fix = f"ALTER SYSTEM SET {rule.name} = '{target}';"
    fix += "" if restart else "\nSELECT pg_reload_conf();"
    return Check(rule.name, value, asked.words, asked.level, why, fix, restart)


def shown(known: Parameter) -> str:
    """Write a value with its unit."""
    if not known.setting:
        return "empty"
    return f"{known.setting} {known.unit}".strip()


def _one_of(name: str, *values: str, level: str = WARNING) -> Callable[[Case], Asked]:
    return lambda case: Asked(" or ".join(values), case.text(name) in values, values[0], level)


def _room(name: str, extra: int) -> Callable[[Case], Asked]:
    """One for each standby, what Barman needs, one to spare; on a standby no less than the primary's."""

    def ask(case: Case) -> Asked:
        least = max(case.standbys + extra + SPARE, case.of_primary(name))
        return Asked(f"at least {least}", case.number(name) >= least, str(max(least, 10)), _needed(case))

    return ask


def _needed(case: Case) -> str:
    return CRITICAL if case.primary else WARNING


def _no_less_than_primary(name: str) -> Callable[[Case], Asked | None]:
    def ask(case: Case) -> Asked | None:
        if case.primary is None:
            return None
        least = case.of_primary(name)
        return Asked(f"at least the primary's {least}", case.number(name) >= least, str(least), CRITICAL)

    return ask


def _within(name: str, most: int, unit: str, target: str) -> Callable[[Case], Asked]:
    return lambda case: Asked(f"1 to {most} {unit}", 0 < case.number(name) <= most, target)


def _synchronous_names(case: Case) -> Asked:
    now = set(names_in(case.text("synchronous_standby_names")))
    if case.own.in_recovery:
        alone = bool(now) and now <= {case.name}
        return Asked("not itself: promoted, it would wait for itself", not alone, "", CRITICAL)
    wanted = parameter(case.sync_names)
    holds = bool(now & set(case.sync_names)) or "*" in now if case.sync_names else not now
    return Asked(wanted or "empty", holds, wanted, CRITICAL if wanted else WARNING)


def _synchronous_commit(case: Case) -> Asked:
    least = "on" if case.sync_names else "local"
    now = case.text("synchronous_commit")
    level = CRITICAL if case.sync_names else WARNING
    words = "on or remote_apply" if case.sync_names else "not off"
    return Asked(words, DEGREES.index(now) >= DEGREES.index(least), "on", level)


def _rewindable(case: Case) -> Asked:
    checksums = case.own.parameters.get("data_checksums")
    holds = case.text("wal_log_hints") == "on" or bool(checksums and checksums.setting == "on")
    return Asked("on, or data checksums", holds, "on")


def _slot(case: Case) -> Asked | None:
    if not case.own.in_recovery:
        return None
    return Asked("a slot", bool(case.text("primary_slot_name")), slot_of(case.name))


RULES: tuple[Rule, ...] = (
    Rule(
        "wal_level",
        "With less there is no WAL that a standby can follow or a restore can replay.",
        _one_of("wal_level", "replica", "logical", level=CRITICAL),
    ),
    Rule(
        "max_wal_senders",
        "Each standby, Barman's receiver and a running backup takes one; the last to come is refused.",
        _room("max_wal_senders", BARMANS),
    ),
    Rule(
        "max_replication_slots",
        "Each standby and Barman has a slot, which keeps the WAL they have not read yet.",
        _room("max_replication_slots", 1),
    ),
    Rule(
        "wal_keep_size",
        "Slots do not move with a failover: until they are made again, this is all the new primary keeps.",
        lambda case: Asked("more than 0", case.number("wal_keep_size") > 0, "256MB"),
    ),
    Rule(
        "max_slot_wal_keep_size",
        "Without a limit a standby that is away fills the primary's disk, and then the primary stops.",
        lambda case: Asked("a limit", case.number("max_slot_wal_keep_size") >= 0, "2GB"),
    ),
    Rule(
        "archive_mode",
        "The second way of WAL to the repository, when Barman's receiver is away.",
        _one_of("archive_mode", "on", "always"),
    ),
    Rule(
        "archive_timeout",
        "In a quiet hour the last commits stand in a file that is not full: it is handed over after this.",
        _within("archive_timeout", ARCHIVE_SECONDS, "s", "60s"),
    ),
    Rule(
        "synchronous_standby_names",
        "For whom a commit waits; it decides whether a lost primary loses commits, or a lost standby halts"
        " them.",
        _synchronous_names,
    ),
    Rule(
        "synchronous_commit",
        "How much of a commit is certain before the client is told: below 'on' no standby is waited for.",
        _synchronous_commit,
    ),
    Rule(
        "wal_log_hints",
        "pg_rewind needs it: without it an old primary must be copied anew before it can rejoin.",
        _rewindable,
    ),
    Rule(
        "hot_standby_feedback",
        "Without it long reads on a standby are cancelled by what the primary vacuums.",
        _one_of("hot_standby_feedback", "on"),
    ),
    Rule(
        "wal_sender_timeout",
        "After this a standby that has fallen silent is given up; 0 is never.",
        _within("wal_sender_timeout", LONGEST_TIMEOUT_MS, "ms", "10s"),
    ),
    Rule(
        "wal_receiver_timeout",
        "After this a standby notices that its primary has fallen silent, and connects anew; 0 is never.",
        _within("wal_receiver_timeout", LONGEST_TIMEOUT_MS, "ms", "10s"),
    ),
    Rule("primary_slot_name", "Its slot keeps what it has not read while it is away.", _slot),
    Rule(
        "log_min_duration_statement",
        "The log names slow statements with their time; -1 names none.",
        lambda case: Asked(
            f"0 to {SHORTEST_LOG_MS} ms",
            0 <= case.number("log_min_duration_statement") <= SHORTEST_LOG_MS,
            "500ms",
        ),
    ),
    Rule(
        "fsync",
        "Off, a crash of the machine destroys the data, on the standbys too.",
        _one_of("fsync", "on", level=CRITICAL),
    ),
    Rule(
        "full_page_writes",
        "Off, a crash can leave half-written pages, and pg_rewind does not work.",
        _one_of("full_page_writes", "on", level=CRITICAL),
    ),
    *(
        Rule(name, "With less than the primary's a standby stops replaying.", _no_less_than_primary(name))
        for name in (
            "max_connections",
            "max_worker_processes",
            "max_locks_per_transaction",
            "max_prepared_transactions",
        )
    ),
)
NAMES = (*(rule.name for rule in RULES), "data_checksums")
