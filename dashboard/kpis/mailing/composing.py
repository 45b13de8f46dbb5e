"""Owns what a mailing says: figures and charts of a page in HTML and plain text, and the PDF beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from urllib.parse import urlencode

from flask import render_template
from markupsafe import Markup

from dashboard.core import assets
from dashboard.core.mail import Attachment
from dashboard.kpis.mailing import timing
from dashboard.kpis.models import KpiMailing
from dashboard.kpis.out import content, drawing, paper
from dashboard.kpis.pages.page import Page
from dashboard.tenancy.models import TenantRef

WIDTH = 640
SHEET = assets.STATIC / "css" / "mail.css"
MOST_PICTURES = 12


@dataclass(frozen=True)
class Picture:
    """A chart in the mail; one that is empty says why instead."""

    title: str
    subtitle: str
    cid: str
    alt: str
    empty: str


@dataclass(frozen=True)
class Letter:
    """A mail without its address."""

    subject: str
    text: str
    html: str
    files: Sequence[Attachment]
    leave_url: str


def compose(page: Page, mailing: KpiMailing, tenant: TenantRef, base: str, zone: tzinfo) -> Letter:
    """Write a mailing's page. `base` is the address of Steward. Raises UnavailableError."""
    desk = f"{base}/t/{tenant.slug}/insights"
    leave_url = f"{desk}/mailings/{mailing.id}/leave"
    values = {
        "page": page,
        "tenant": tenant,
        "about": content.about(page, tenant.name, zone),
        "page_url": f"{desk}/{page_path(mailing.page)}?{urlencode(mailing.filters)}",
        "leave_url": leave_url,
        "rhythm": timing.WORDS[mailing.every],
        "owner": mailing.owner,
        "pictures": _pictures(page),
        "sheet": Markup("<style>{}</style>").format(Markup(SHEET.read_text(encoding="utf-8"))),  # noqa: S704
    }
    pdf = Attachment(f"{page.name}.pdf", paper.page_pdf(page, tenant.name, zone), "application/pdf")
    return Letter(
        f"{page.title} of {tenant.name}: {page.selection.period.title}",
        render_template("kpis/mail/page.txt", **values),
        render_template("kpis/mail/page.html", **values),
        (*_files(page), pdf),
        leave_url,
    )


def page_path(name: str) -> str:
    """The last part of a page's address."""
    return "" if name == "overview" else name


def _pictures(page: Page) -> list[Picture]:
    return [
        Picture(
            item.chart.title,
            item.chart.subtitle,
            _cid(item.name),
            item.chart.describe().replace("the table below", "the attached PDF"),
            item.chart.empty if item.chart.is_empty else "",
        )
        for item in page.charts[:MOST_PICTURES]
    ]


def _files(page: Page) -> list[Attachment]:
    drawn = [item for item in page.charts[:MOST_PICTURES] if not item.chart.is_empty]
    return [
        Attachment(f"{item.name}.png", drawing.png(item.chart, WIDTH), "image/png", _cid(item.name))
        for item in drawn
    ]


def _cid(name: str) -> str:
    return f"{name}@charts.steward"
