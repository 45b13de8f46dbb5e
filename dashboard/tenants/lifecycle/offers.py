"""What may be done with a tenant in the state it is in, for its page and for the checks of each action."""

from dataclasses import dataclass
from typing import Any

from flask import url_for

from dashboard.core.errors import ConflictError
from dashboard.jobs.links import run_url
from dashboard.tenancy.models import TenantRef, TenantStatus
from dashboard.tenants.lifecycle import queries

ACTIVE, SUSPENDED, ARCHIVED = TenantStatus.ACTIVE, TenantStatus.SUSPENDED, TenantStatus.ARCHIVED


@dataclass(frozen=True)
class Action:
    """One thing that can be done: what it is called, what it does, in which states it is offered."""

    name: str
    title: str
    text: str
    icon: str
    states: tuple[TenantStatus, ...]
    is_dangerous: bool = False


ACTIONS = (
    Action("rename", "Rename", "Name, address, owner, colour.", "pencil", (ACTIVE, SUSPENDED, ARCHIVED)),
    Action(
        "suspend",
        "Suspend",
        "Nobody works in it and none of its jobs run, until it is resumed.",
        "player-pause",
        (ACTIVE,),
    ),
    Action("resume", "Resume", "Open it again, as it was.", "player-play", (SUSPENDED,)),
    Action(
        "clone",
        "Clone",
        "Make another tenant of it, with its records or empty.",
        "copy",
        (ACTIVE, SUSPENDED),
    ),
    Action(
        "archive",
        "Archive",
        "Keep a verified dump and drop the schema; it can be restored at any time.",
        "archive",
        (ACTIVE, SUSPENDED),
        is_dangerous=True,
    ),
    Action("restore", "Restore", "Bring it back from its archive.", "archive-off", (ARCHIVED,)),
    Action(
        "delete",
        "Delete",
        "Remove it; a last dump is kept for a while.",
        "trash",
        (ACTIVE, SUSPENDED, ARCHIVED),
        is_dangerous=True,
    ),
)
BY_NAME = {action.name: action for action in ACTIONS}


def actions_of(tenant: TenantRef) -> list[Action]:
    """The actions that its state allows."""
    return [action for action in ACTIONS if tenant.status in action.states]


def check_may(tenant: TenantRef, name: str) -> None:
    """Raise ConflictError when its state does not allow an action."""
    if tenant.status not in BY_NAME[name].states:
        raise ConflictError(
            f"{tenant.name} is {tenant.status}: {name} is not possible.",
            fix="Open its page again to see what is.",
        )


def context_of(tenant: TenantRef) -> dict[str, Any]:
    """What `tenants/lifecycle/_actions.html` needs: the actions, each with its page, and the job at work."""
    running = queries.find_running(tenant.slug)
    return {
        "lifecycle_actions": [
            (action, url_for("lifecycle.act", slug=tenant.slug, action=action.name))
            for action in actions_of(tenant)
        ],
        "lifecycle_run": running,
        "lifecycle_run_url": run_url(running) if running else "",
    }
