"""What each action of a tenant's life asks and tells before it is asked for."""

from dataclasses import dataclass

from dashboard.settings.queries import value
from dashboard.tenancy.models import TenantRef, TenantStatus
from dashboard.tenants.lifecycle import keeping
from dashboard.tenants.lifecycle.forms import (
    AskForm,
    CloneForm,
    DeleteForm,
    ReasonForm,
    RenameForm,
)
from dashboard.tenants.lifecycle.models import TenantArchive


@dataclass(frozen=True)
class Page:
    """How an action is asked for: red where people lose by it, with `is_typed` by typing the short name."""

    title: str
    button: str
    form: type[AskForm]
    is_dangerous: bool = False
    is_typed: bool = False


PAGES = {
    "rename": Page("Rename {name}", "Rename", RenameForm),
    "suspend": Page("Suspend {name}?", "Suspend it", ReasonForm, is_dangerous=True),
    "resume": Page("Resume {name}?", "Resume it", AskForm),
    "clone": Page("Clone {name}", "Clone it", CloneForm),
    "archive": Page("Archive {name}?", "Archive it", ReasonForm, is_dangerous=True, is_typed=True),
    "restore": Page("Restore {name} from its archive?", "Restore it", AskForm),
    "delete": Page("Delete {name}?", "Delete it", DeleteForm, is_dangerous=True, is_typed=True),
}


def consequences(tenant: TenantRef, action: str) -> list[str]:
    """What happens, sentence by sentence."""
    told = {
        "rename": [
            "People keep their roles, and links to old addresses lead on.",
            f"Schema ({tenant.schema}), role ({tenant.role}) and uploaded files stay where they are.",
        ],
        "suspend": [
            "Everybody who works in it is stopped at their next click and reads the reason.",
            "Its running jobs are cancelled, timed ones leave it out, suppliers' links say it is closed.",
            "PostgreSQL refuses the application from now on. Migrations and backups go on.",
        ],
        "resume": ["Its pages, jobs and suppliers' links work again at once; nothing was lost meanwhile."],
        "clone": [
            "The original does not notice: what is copied is one snapshot.",
            "Nobody but people with a role for all tenants sees the copy, until you give others one.",
        ],
        "archive": _archiving(tenant),
        "restore": [
            "The dump's checksum is compared, it is loaded, and its rows are counted again.",
            "It is brought to the newest migration and is active afterwards.",
        ],
        "delete": _deleting(tenant),
    }
    return told[action]


def _archiving(tenant: TenantRef) -> list[str]:
    return [
        "It is closed to people and jobs first.",
        "A dump is made, restored into a server of its own as proof, and kept until it is asked for.",
        f"Only then the schema {tenant.schema} and its role are dropped. Domains and uploaded files stay.",
        "Whatever fails before that leaves it as it was.",
    ]


def _deleting(tenant: TenantRef) -> list[str]:
    days = value(keeping.KEEP_DAYS)
    first = (
        "Its archive is all there is of it."
        if tenant.status == TenantStatus.ARCHIVED
        else "It is closed, and a last dump is made and proven as for an archive."
    )
    kept = (
        f"The dump and the uploaded files are kept for {days} days under Archives; then both are gone."
        if days
        else "Nothing is kept: the dump and the uploaded files go at once and for good."
    )
    return [first, "Registry, domains, people's roles in it, schema and role are removed.", kept]


def restoring(archive: TenantArchive) -> list[str]:
    """What bringing back an archive does; a deleted tenant gets its registry, domains and roles back too."""
    told = [
        f"The dump of {archive.created_at:%Y-%m-%d %H:%M} UTC is checked, loaded and counted.",
        "It is brought to the newest migration and is active afterwards.",
    ]
    if archive.kind == "deleted":
        told.append(
            "Registry, domains and people's roles come back; what another tenant has taken meanwhile"
            " does not, and the log says so."
        )
    return told
