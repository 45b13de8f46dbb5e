"""The job that delivers a message to a supplier by mail."""

from dashboard.core.db import db
from dashboard.erp.messages import service
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.tenancy.queries import get_tenant


@job(
    "messages.deliver",
    title="Mail a message to a supplier",
    queue="records",
    permission="records.message.create",
    outbox=True,
    max_attempts=3,
)
def deliver(run: Run, *, message_id: int) -> dict[str, object]:
    """Send one message; a failure is noted in it and tried again by the sweep of every minute."""
    tenant = get_tenant(run.tenant or "")
    gone = service.deliver(db.session(), message_id, tenant.id)
    db.session.commit()
    run.log("The mail was handed over." if gone else "The mail did not go out; the message says why.")
    return {"message": message_id, "delivered": gone}
