"""The control database as something to dump: jobs, evidence of drills and the audit log must survive."""

from sqlalchemy.engine import make_url

from dashboard.backups.copies.archives import Source
from dashboard.backups.copies.dumps import Order
from dashboard.backups.copies.models import CopyKind
from dashboard.core.config import Settings


def of_control(settings: Settings) -> Order:
    """Steward's own database, as its owner."""
    return Order(
        CopyKind.CONTROL, make_url(settings.control_url).database or "", Source(settings.control_url)
    )
