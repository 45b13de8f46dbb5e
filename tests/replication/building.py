"""What the two ends of a stream may say, and readings made of it."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from dashboard.core.config import Member
from dashboard.health.service import plain, store_reading
from dashboard.replication import service
from dashboard.replication.judging import StandbyState
from dashboard.replication.levels import judge_standby
from dashboard.replication.probes import Frozen, Primary, PrimaryView, Receiver, Sender, Slot, StandbyView
from dashboard.replication.remembering import remember
from dashboard.replication.synchronous.deciding import is_unsafe
from dashboard.replication.synchronous.wanted import Wanted

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AA = Member(name="az-a", zone="a", region="local", mode="async", url="postgresql://u@h/d")
AZ = Member(name="az-b", zone="b", region="local", mode="sync", url="postgresql://u@h/d")
DR = Member(name="dr", zone="a", region="far", mode="async", url="postgresql://u@h/d")
GIB = 2**30


def sender(**changes: Any) -> Sender:
    values: dict[str, Any] = {
        "pid": 7,
        "name": "dr",
        "state": "streaming",
        "sync_state": "async",
        "address": None,
        "connected_at": NOW,
        "replied_at": NOW,
        "sent_bytes": 0,
        "write_bytes": 0,
        "flush_bytes": 0,
        "replay_bytes": 0,
        "write_seconds": None,
        "flush_seconds": None,
        "replay_seconds": None,
    }
    return Sender(**(values | changes))


def slot(**changes: Any) -> Slot:
    values: dict[str, Any] = {
        "name": "dr",
        "kind": "physical",
        "active": True,
        "pid": 7,
        "retained_bytes": 0,
        "wal_status": "reserved",
        "safe_bytes": None,
        "inactive_at": None,
        "restart_lsn": "0/32",
    }
    return Slot(**(values | changes))


def primary(*senders: Sender, slots: tuple[Slot, ...] = (), **changes: Any) -> PrimaryView:
    values: dict[str, Any] = {
        "clock_at": NOW,
        "lsn": "0/64",
        "position": 100,
        "timeline": 1,
        "synchronous_names": "",
        "port": 5432,
    }
    return PrimaryView(Primary(**(values | changes)), list(senders), list(slots), Frozen(0, None))


def receiver(**changes: Any) -> Receiver:
    values: dict[str, Any] = {
        "status": "streaming",
        "sender_host": "127.0.0.1",
        "sender_port": 5432,
        "slot": "dr",
        "heard_at": NOW,
    }
    return Receiver(**(values | changes))


def own(**changes: Any) -> StandbyView:
    values: dict[str, Any] = {
        "clock_at": NOW,
        "in_recovery": True,
        "version": "18",
        "paused": False,
        "received_position": 40,
        "replayed_position": 30,
        "last_transaction_at": NOW,
        "receiver": receiver(),
        "timeline": 1,
        "status_seconds": 1.0,
    }
    return StandbyView(**(values | changes))


def judged(*args: Any, expected: Member = DR, **kwargs: Any) -> StandbyState:
    return judge_standby(expected, *args, **kwargs)


def reading_of(
    *standbys: StandbyState,
    error: str = "",
    frozen: Frozen | None = None,
    names: str = "",
    wanted: Wanted | None = None,
    slots: tuple[Slot, ...] = (),
    **changes: Any,
) -> dict[str, Any]:
    """Return the reading a probe would store, as JSON has it."""
    view = None
    if not error:
        view = primary(sender(name="barman_receive_wal"), slots=slots or (slot(),), synchronous_names=names)
    found = service.Replication(
        view.primary if view else None,
        error,
        frozen or Frozen(0, None),
        list(standbys),
        view.senders if view else [],
        view.slots if view else [],
        primary_name="az-a",
        zone="a",
        region="local",
        wanted=wanted or Wanted(()),
    )
    data = plain(found)
    remember(data, {}, datetime.now(UTC).isoformat())
    data["unsafe_since_at"] = NOW.isoformat() if is_unsafe(data) else None
    return data | changes


def show(control: Session, *standbys: StandbyState, **changes: Any) -> None:
    """Store a reading as the probe does."""
    store_reading(service.READING, reading_of(*standbys, **changes), every=10)
    control.commit()
