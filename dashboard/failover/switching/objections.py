"""What speaks against a switchover now, from what the servers say. Pure."""

from dataclasses import dataclass

from dashboard.core.filters import bytes_
from dashboard.failover.switching.looking import Sender, View

FAR_BYTES = 256 * 1024**2
SILENT_SECONDS = 5.0


@dataclass(frozen=True)
class Objection:
    """A reason against it; one that does not block is told and goes into the evidence."""

    text: str
    blocks: bool = True


def against(view: View, source: str, target: str) -> list[Objection]:
    """Judge a switchover from a primary to a standby, both of which answer."""
    primary, standby = view.server(source), view.server(target)
    sender = view.members[source].sender(target)
    found = _stream(source, target, sender)
    if standby.paused:
        found.append(Objection(f"Replay on {target} is paused: resume it with pg_wal_replay_resume()."))
    behind = primary.position - (standby.replayed or 0)
    if behind > FAR_BYTES:
        found.append(Objection(f"{target} is {bytes_(behind)} behind: let it catch up first."))
    found += [
        Objection(
            f"{one.name} has given no sign of life for {one.silent_seconds:.0f} s: the shutdown of {source} "
            "would wait for it. Stop it, or let it answer."
        )
        for one in view.members[source].senders
        if one.silent_seconds > SILENT_SECONDS and one.state == "streaming"
    ]
    if primary.base_backups:
        found.append(Objection(f"A base backup of {source} is being made and would fail.", blocks=False))
    away = [name for name in view.members if not view.answers(name)]
    if away:
        found.append(Objection(f"{', '.join(away)} does not answer and cannot follow.", blocks=False))
    if sender and primary.synchronous_names and sender.sync_state not in {"sync", "quorum"}:
        found.append(Objection(f"{target} is not the synchronous standby.", blocks=False))
    return found


def _stream(source: str, target: str, sender: Sender | None) -> list[Objection]:
    if sender is None:
        return [Objection(f"{target} does not stream from {source}.")]
    if sender.state != "streaming":
        return [Objection(f"{target} is still catching up with {source} ({sender.state}).")]
    return []
