"""Owns what invited suppliers are told: subjects and words of each mail."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from dashboard.erp.messages import service as messages
from dashboard.erp.organizations.models import Organization
from dashboard.erp.sourcing.models import Rfq
from dashboard.erp.suppliers.models import Supplier

INVITATION = """Hello {supplier},

{organization} asks you to quote on "{title}" ({number}).

Please answer by {deadline}.
{answer}
{sealed}
{signature}
"""
REMINDER = """Hello {supplier},

your quote on "{title}" ({number}) of {organization} has not arrived yet. Quotes are accepted until
{deadline}.
{answer}
If you do not want to quote, please say so there: then we stop asking.

{signature}
"""
NEW_DEADLINE = """Hello {supplier},

the deadline of "{title}" ({number}) of {organization} was changed: quotes are now accepted until
{deadline}.
{answer}
{signature}
"""
CLOSED_EARLY = """Hello {supplier},

{organization} closed "{title}" ({number}) before its deadline and accepts no further quotes.

{signature}
"""
CANCELLED = """Hello {supplier},

{organization} cancelled "{title}" ({number}). No quote is needed any more. Thank you for your effort.

{signature}
"""
NOT_AWARDED = """Hello {supplier},

thank you for your quote on "{title}" ({number}) of {organization}. We have decided, and this time the order
goes to another supplier. We know that a quote is work, and would like to ask you again.

{signature}
"""
RECEIVED = """Hello {supplier},

thank you: your quote on "{title}" ({number}) of {organization} has arrived (revision {revision}).
You can change it until {deadline} under the link you got with the invitation.
{sealed}
{signature}
"""
DECLINED = """Hello {supplier},

you told us that you do not quote on "{title}" ({number}) of {organization}. Thank you for the answer.
You can change your mind until {deadline} under the link you got with the invitation.

{signature}
"""
ANSWER = f"""
See the request and enter your prices here, without a password:
{messages.LINK}

The link is meant for you alone: whoever has it can answer in your name.
"""
ANSWER_BY_MAIL = """
Please send your quote as an answer to the buyer.
"""
SEALED = "All prices are sealed: nobody can read them before {deadline}.\n"
SUBJECTS = {
    INVITATION: "Request for quotation {number}: {title}",
    REMINDER: "Reminder: your quote on {number}: {title}",
    NEW_DEADLINE: "New deadline of {number}: {title}",
    CLOSED_EARLY: "Closed early: {number}: {title}",
    CANCELLED: "Cancelled: {number}: {title}",
    NOT_AWARDED: "Decision on {number}: {title}",
    RECEIVED: "Your quote on {number} has arrived",
    DECLINED: "You do not quote on {number}",
}


def write(
    session: Session, rfq: Rfq, supplier: Supplier, text: str, *, queued: bool = True, revision: int = 1
) -> None:
    """Write one of the mails above to a supplier. `queued=False`: see `messages.service.write`."""
    organization = rfq.organization
    deadline = told(rfq.deadline, organization)
    words = {
        "supplier": supplier.name,
        "organization": organization.name,
        "title": rfq.title,
        "number": rfq.number or "RFQ",
        "deadline": deadline,
        "answer": ANSWER if organization.supplier_links else ANSWER_BY_MAIL,
        "sealed": SEALED.format(deadline=deadline) if rfq.sealed else "",
        "signature": _signature(rfq),
        "revision": revision,
    }
    subject = SUBJECTS[text].format_map(words)
    body = text.format_map(words)
    messages.write(session, supplier, subject, body, rfq_id=rfq.id, queued=queued)


def told(moment: datetime | None, organization: Organization) -> str:
    """A moment as it is where the organization is, with its zone."""
    if moment is None:
        return "the deadline"
    local = moment.astimezone(ZoneInfo(organization.time_zone))
    return f"{local.day} {local:%B %Y, %H:%M} ({organization.time_zone})"


def _signature(rfq: Rfq) -> str:
    buyer = f"{rfq.buyer.name} <{rfq.buyer.email}>\n" if rfq.buyer else ""
    return f"{buyer}{rfq.organization.name}"
