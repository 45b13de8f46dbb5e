"""The job that mails the people who can approve an order that waits for it."""

from dashboard.collaboration import people
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.core.filters import money
from dashboard.core.mail import send_mail
from dashboard.erp.purchasing import approval
from dashboard.erp.purchasing.models import PurchaseOrder, PurchaseOrderStatus
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.tenancy.queries import get_tenant

WORDS = """Hello {name},

{asker} asks for your approval of purchase order {number}: {total} to {supplier}.

{address}

It can be sent once somebody else than who entered or submitted it has approved it.
"""


@job(
    approval.MAIL_JOB,
    title="Mail those who can approve an order",
    queue="records",
    permission="records.purchase_order.submit",
    outbox=True,
    max_attempts=3,
)
def mail_approvers(run: Run, *, order_id: int, asker: str) -> dict[str, object]:
    """Mail each of them once, unless the order has moved on meanwhile."""
    tenant = get_tenant(run.tenant or "")
    session = db.session()
    order = session.get(PurchaseOrder, order_id)
    if order is None or order.status != PurchaseOrderStatus.TO_APPROVE:
        run.log("The order waits for no approval any more.")
        return {"order": order_id, "mails": 0}
    words: dict[str, object] = {
        "asker": asker,
        "number": order.number,
        "total": money(order.total, order.currency),
        "supplier": order.supplier.name,
        "address": f"{get_settings().url}/t/{tenant.slug}/records/purchase_order/{order_id}",
    }
    named = approval.approvers(session, order)
    session.rollback()  # no transaction stays open while mails go out
    for person in named:
        _mail(run, person, words)
    return {"order": order_id, "mails": len(named)}


def _mail(run: Run, person: people.Person, words: dict[str, object]) -> None:
    with run.step(f"mail {person.email}") as step:
        if step.is_new:
            send_mail(person.email, f"To approve: {words['number']}", WORDS.format(name=person.name, **words))
