"""Engine: finds, makes, starts and stops PostgreSQL and Valkey servers on this machine."""

from dashboard.servers.accounts import Account, service_account
from dashboard.servers.erp_roles import ErpPasswords, bootstrap_control, bootstrap_erp
from dashboard.servers.errors import ServerError
from dashboard.servers.folders import data_root, remove_data_root, scratch_folder
from dashboard.servers.ports import free_port, is_free
from dashboard.servers.postgres import Postgres
from dashboard.servers.standby import Standby, Upstream
from dashboard.servers.valkey import Valkey

__all__ = [
    "Account",
    "ErpPasswords",
    "Postgres",
    "ServerError",
    "Standby",
    "Upstream",
    "Valkey",
    "bootstrap_control",
    "bootstrap_erp",
    "data_root",
    "free_port",
    "is_free",
    "remove_data_root",
    "scratch_folder",
    "service_account",
]
