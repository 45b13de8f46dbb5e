"""Owns how quickly jobs notice things; tests and special deployments set `app.config["JOBS_PACE"]`."""

from dataclasses import dataclass

from flask import current_app


@dataclass(frozen=True)
class Pace:
    """Seconds. A worker killed at the worst moment is noticed after `lost_after` + `relay` = 35 s."""

    heartbeat: float = 5.0
    lost_after: float = 30.0
    relay: float = 5.0
    push_again_after: float = 10.0
    cancel_grace: float = 15.0
    shutdown_grace: float = 20.0
    retry_delay: float = 5.0


def pace() -> Pace:
    """Return the pace of this application."""
    configured = current_app.config.get("JOBS_PACE")
    return configured if isinstance(configured, Pace) else Pace()
