"""Clauses over encryption and access: what can be seen, and what somebody answers for."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from dashboard.compliance import attested
from dashboard.compliance.attested import EXPIRES_SOON
from dashboard.compliance.evidence import live
from dashboard.compliance.facts import Facts
from dashboard.compliance.looking import READING
from dashboard.compliance.registry import Area, Link, State, Verdict, promise
from dashboard.core.config import DEFAULT_SECRET
from dashboard.health.server.refreshing import CERTIFICATES, IDENTITY

LOCAL = ("127.", "::1")
NOBODY = "No session comes from another machine, {} come from this one"
WEAK = frozenset({"", "password", "postgres", "changeme", "change-me", "secret", "admin", "steward", "test"})
SHORTEST = 8
POWERS = {
    "is_super": "is a superuser",
    "may_create_roles": "may create roles",
    "may_create_databases": "may create databases",
    "may_replicate": "may replicate",
    "passes_row_security": "passes row-level security",
    "may_create_in_public": "may create in public",
}
ACCESS = "The look at sessions and logins"
FEW = 3
Row = Mapping[str, Any]


@promise(
    "security.in_transit",
    area=Area.SECURITY,
    title="What travels between machines is encrypted, and every certificate is valid",
    why="On the wire between two machines anybody in between can read, and change, what is not encrypted.",
    fix="Switch ssl on at the server, set DATABASE_SSLMODE=verify-full here, and hostssl in pg_hba.conf.",
    page="health.page",
    job="health.probe_minute",
    proof="Look now",
)
def in_transit(facts: Facts) -> Verdict:
    """The share of sessions from other machines that use TLS, and the certificates behind it."""
    found = live(facts, IDENTITY, "The look at connections")
    if isinstance(found, Verdict):
        return found
    seen = found.values["encryption"]
    distant = seen["total"] - seen["here"]
    if seen["open"]:
        share = 100 * (distant - seen["open"]) // max(distant, 1)
        who = ", ".join(seen["open_by"][:FEW])
        text = f"{seen['open']} come over the network and are not encrypted: {who}."
        return found.says(State.BROKEN, f"{share} % of {distant} sessions", text)
    value = f"100 % of {distant} sessions from other machines" if distant else NOBODY.format(seen["here"])
    state, text = _certificates(facts)
    if state is State.KEPT and not distant and _invites_plain(facts, offers=found.values["identity"]["tls"]):
        text = "The server listens to the network and offers no TLS: the next session would be plain."
        state = State.AT_RISK
    return found.says(state, value, text)


def _certificates(facts: Facts) -> tuple[State, str]:
    """What is wrong with a certificate: one that has ended stops everybody, one that ends soon will."""
    reading = facts.reading(CERTIFICATES)
    rows = reading.values.get("certificates", []) if reading and reading.taken_at else []
    ends = sorted((row["expires_at"], row["name"]) for row in rows if row.get("expires_at"))
    if not ends or ends[0][0] > facts.now + EXPIRES_SOON:
        return State.KEPT, ""
    at, name = ends[0]
    verb = "has expired on" if at < facts.now else "expires on"
    return (
        State.BROKEN if at < facts.now else State.AT_RISK,
        f"The certificate of {name} {verb} {at:%-d %b %Y}.",
    )


def _invites_plain(facts: Facts, *, offers: bool) -> bool:
    """Whether another machine could connect without TLS, though none does now."""
    reading = facts.reading(READING)
    listens = reading.data.get("transport", {}).get("listens_on", "") if reading else ""
    names = [name.strip() for name in listens.split(",") if name.strip()]
    return not offers and any(name != "localhost" and not name.startswith(LOCAL) for name in names)


@promise(
    "security.at_rest",
    area=Area.SECURITY,
    title="Disks of servers, standbys and backups are encrypted at rest",
    why="A disk that is stolen, sent in for repair or thrown away can be read. SQL cannot tell.",
    fix="Ask whoever runs the disks for a statement, and attest it here with its source.",
    page="compliance.page",
    is_attested=True,
)
def at_rest(facts: Facts) -> Verdict:
    """What somebody attested."""
    return attested.verdict("security.at_rest", facts.now)


@promise(
    "security.key_rotation",
    area=Area.SECURITY,
    title="Keys and passwords are changed in turn, and at once when somebody leaves",
    why="A key that leaked opens everything until it is changed.",
    fix="Change what is due (docs/production.md names every secret), then attest it here.",
    page="compliance.page",
    is_attested=True,
)
def key_rotation(facts: Facts) -> Verdict:
    """What somebody attested."""
    return attested.verdict("security.key_rotation", facts.now)


@promise(
    "security.secrets",
    area=Area.SECURITY,
    title="No secret is a default, weak, or kept in a way that can be read back",
    why="Defaults are in the documentation of the product, and in everybody's list of first guesses.",
    fix="Set the variable (or NAME_FILE) that is named, then restart.",
    page="health.page",
    job="compliance.look",
    proof="Look now",
)
def secrets(facts: Facts) -> Verdict:
    """The secrets of this process, and how the server keeps passwords."""
    secrets_ = _secrets(facts)
    weak = [name for name, is_weak in secrets_.items() if is_weak]
    found = live(facts, READING, ACCESS)
    kept = "" if isinstance(found, Verdict) else found.values["transport"]["password_encryption"]
    text = f"Default or weak: {', '.join(weak)}." if weak else ""
    if kept and kept != "scram-sha-256":
        text = f"{text} The server keeps new passwords as {kept}; scram-sha-256 is asked.".strip()
    if text:
        return Verdict(State.BROKEN, f"{len(weak)} weak", text, facts.now, "The settings of this process")
    if isinstance(found, Verdict):
        return found
    return found.says(State.KEPT, f"{len(secrets_)} secrets are set, passwords are kept as {kept}")


def _secrets(facts: Facts) -> dict[str, bool]:
    """Every secret by the name of its variable, and whether it is weak. No value leaves this file."""
    config = facts.config
    urls = {
        "STEWARD_CONTROL_URL": config.control_url,
        "DATABASE_URL": config.database_url,
        "DATABASE_DIRECT_URL": config.database_direct_url,
        "DATABASE_MONITOR_URL": config.database_monitor_url,
        "STEWARD_BROKER_URL": config.broker_url,
        "STEWARD_CACHE_URL": config.cache_url,
    }
    weak = {name: _is_weak(url) for name, url in urls.items()}
    return {"STEWARD_SECRET_KEY": config.secret_key == DEFAULT_SECRET, **weak}


def _is_weak(url: str) -> bool:
    """A socket of this machine needs no password; a network address does."""
    parts = urlsplit(url)
    password = unquote(parts.password or "")
    # Several hosts are named in the parameters; a folder there is a socket.
    host = parts.hostname or parse_qs(parts.query).get("host", [""])[0]
    return bool(host) and not host.startswith("/") and (password.lower() in WEAK or len(password) < SHORTEST)


@promise(
    "security.logins",
    area=Area.SECURITY,
    title="Every login can do what it needs and no more",
    why="What the application may do, whoever breaks into it may do.",
    fix="Take the power away: python -m dashboard.servers.bootstrap corrects Steward's own logins.",
    page="health.page",
    job="compliance.look",
    proof="Look now",
)
def logins(facts: Facts) -> Verdict:
    """Powers of Steward's logins beyond what they need, and how many superusers can log in."""
    found = live(facts, READING, ACCESS)
    if isinstance(found, Verdict):
        return found
    rows = {row["name"]: row for row in found.values["logins"]}
    excess = [text for name, allowed in _allowed(facts).items() for text in _excess(rows.get(name), allowed)]
    supers = [name for name, row in rows.items() if row["is_super"]]
    value = f"{len(rows)} logins, {len(supers)} of them superusers"
    if excess:
        return found.says(State.BROKEN, value, f"{'; '.join(excess)}.")
    if len(supers) > 1:
        return found.says(State.AT_RISK, value, f"One superuser is enough: {', '.join(supers)} can log in.")
    return found.says(State.KEPT, value)


def _allowed(facts: Facts) -> dict[str, set[str]]:
    """The logins Steward is given, and the powers each may have."""
    config = facts.config
    given = {
        config.database_url: set[str](),
        config.database_monitor_url: set[str](),
        config.database_direct_url: {"may_create_roles", "may_create_in_public", "owned"},
    }
    return {unquote(urlsplit(url).username or ""): allowed for url, allowed in given.items()}


def _excess(row: Row | None, allowed: set[str]) -> list[str]:
    if row is None:
        return []
    found = [f"{row['name']} {words}" for key, words in POWERS.items() if row.get(key) and key not in allowed]
    if row["owned"] and "owned" not in allowed:
        found.append(f"{row['name']} owns {row['owned']} relations")
    return found


@promise(
    "security.history",
    area=Area.TENANTS,
    title="Every change of a row is recorded, in a history nobody can change",
    why="Who changed what, and what it was before, must hold even against the application itself.",
    fix="Attach the history again (public.attach_history) in the schema named; ask who switched it off.",
    page="tenants.index",
    job="compliance.look",
    proof="Look now",
)
def history(facts: Facts) -> Verdict:
    """Triggers that record and guard rows, in every tenant's schema."""
    found = live(facts, READING, "The look at the guards of history")
    if isinstance(found, Verdict):
        return found
    guarded, gaps = found.values["guarded"], found.values["gaps"]
    value = f"{guarded['recorded']} tables recorded in {guarded['schemas']} schemas"
    link = Link("tenants.index")
    if gaps:
        named = [
            f"{gap['trigger']} of {gap['schema']}.{gap['table']}"
            f" is {'switched off' if gap['is_there'] else 'missing'}"
            for gap in gaps[:FEW]
        ]
        more = f", and {len(gaps) - FEW} more" if len(gaps) > FEW else ""
        return found.says(State.BROKEN, value, f"{'; '.join(named)}{more}.", link)
    if guarded["schemas"] and not (guarded["recorded"] and guarded["append_only"]):
        return found.says(State.BROKEN, value, "No tenant's schema records its rows any more.", link)
    if not guarded["schemas"]:
        return found.says(State.UNKNOWN, "", "There is no tenant yet.", link)
    return found.says(State.KEPT, value, link=link)
