"""Reads processor, memory and disks of the machine this runs on; no Flask, no session."""

import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Disk:
    """A file system and what lies on it; sizes in bytes. What is kept for root counts as neither."""

    mount: str
    holds: list[str]
    total_bytes: int
    used_bytes: int


@dataclass(frozen=True)
class Machine:
    """The machine. `busy_seconds` and `all_seconds` of all processors count up since it was started."""

    name: str
    system: str
    processors: int
    busy_seconds: float
    wait_seconds: float
    all_seconds: float
    load: float
    memory_bytes: int
    memory_free_bytes: int
    swap_bytes: int
    swap_used_bytes: int
    started_at: datetime
    disks: list[Disk]


def read_machine(folders: Mapping[str, Path]) -> Machine:
    """Read this machine; `folders` are those whose disks matter, by what they hold."""
    times = psutil.cpu_times()
    idle, wait = times.idle, getattr(times, "iowait", 0.0)
    # Time of guests is counted within that of users.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return Machine(
        name=platform.node(),
        system=f"{platform.system()} {platform.release()}",
        processors=psutil.cpu_count() or 1,
        busy_seconds=total - idle - wait,
        wait_seconds=wait,
        all_seconds=total,
        load=os.getloadavg()[0],
        memory_bytes=memory.total,
        memory_free_bytes=memory.available,
        swap_bytes=swap.total,
        swap_used_bytes=swap.used,
        started_at=datetime.fromtimestamp(psutil.boot_time(), UTC),
        disks=read_disks(folders.items()),
    )


def read_disks(folders: Iterable[tuple[str, Path]]) -> list[Disk]:
    """Read the file systems that folders lie on, each once; folders that cannot be entered are left out."""
    found: dict[int, Disk] = {}
    for name, folder in folders:
        try:
            device, usage = folder.stat().st_dev, psutil.disk_usage(str(folder))
        except OSError:
            continue
        if device in found:
            found[device].holds.append(name)
            continue
        found[device] = Disk(_mount(folder), [name], usage.used + usage.free, usage.used)
    return list(found.values())


def _mount(folder: Path) -> str:
    at = folder.resolve()
    while not at.is_mount() and at != at.parent:
        at = at.parent
    return str(at)
