"""stack.env, by which `flask --app wsgi` finds the running stack, and the children's environment."""

import json
import os
from collections.abc import Mapping

from dashboard.core.config import STACK_FILE
from dashboard.servers.pgdata import write_private
from dashboard.stack.barman import SERVER
from dashboard.stack.layout import Layout, find_program

# Marks every process that belongs to a stack, so that none is overlooked when it ends.
MARK = "STEWARD_STACK"


def stack_settings(layout: Layout) -> dict[str, str]:
    """Return the product's settings for this stack, by their names in the environment."""
    return {
        "STEWARD_PORT": str(layout.options.port),
        "STEWARD_BASE_URL": layout.options.url,
        "STEWARD_SECRET_KEY": layout.state.password("secret_key"),
        "STEWARD_CONTROL_URL": layout.control_url(),
        **layout.erp_urls(),
        "DATABASE_PRIMARY": json.dumps(layout.primary_entry()),
        "DATABASE_STANDBYS": json.dumps(layout.standby_entries()),
        "STEWARD_BROKER_URL": layout.broker.url(),
        "STEWARD_CACHE_URL": layout.cache.url(),
        "STEWARD_BACKUP_URL": layout.backup_url(),
        "STEWARD_BARMAN_CONFIG": str(layout.barman_config),
        "STEWARD_BARMAN_SERVER": SERVER,
        "STEWARD_BARMAN_BIN": find_program("barman"),
        "STEWARD_PG_BIN": str(layout.bin),
    }


def write_stack_env(layout: Layout) -> None:
    """Write stack.env; it holds passwords, so its mode is 600."""
    lines = [f"{name}={value}" for name, value in stack_settings(layout).items()]
    text = "# Written at every start by `make up`.\n" + "\n".join(lines) + "\n"
    write_private(layout.home / STACK_FILE, text, None)


def child_environment(layout: Layout, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of our own programs: this stack's settings win over the caller's."""
    dropped = set(stack_settings(layout)) | {"STEWARD_ADMIN_PASSWORD", "STEWARD_ADMIN_PASSWORD_FILE"}
    dropped |= {f"{name}_FILE" for name in dropped}
    kept = {name: value for name, value in environment.items() if name not in dropped}
    return kept | {"STEWARD_HOME": str(layout.home), MARK: str(layout.home), "PYTHONUNBUFFERED": "1"}
