"""Insights by mail: over a real SMTP conversation, with charts drawn in V8, to those who may see the page."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from dashboard.core import mail as core_mail
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.kpis.mailing import jobs, queries, sending, service, timing
from dashboard.kpis.mailing.service import Wanted
from dashboard.kpis.models import KpiMailing
from dashboard.kpis.pages import service as pages
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.users.service import create_operator
from tests.core.test_mail import Post, post_office
from tests.kpis import outgoing

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 4, 15, 6, 0, tzinfo=UTC)
OWNER, READER = "owner@example.com", "reader@example.com"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("every", "hour", "now", "expected"),
    [
        ("day", 7, "2026-04-15T06:59+02:00", "2026-04-15T07:00+02:00"),
        ("day", 7, "2026-04-15T07:00+02:00", "2026-04-16T07:00+02:00"),
        ("week", 7, "2026-04-15T12:00+02:00", "2026-04-20T07:00+02:00"),
        ("month", 0, "2026-04-30T22:30+00:00", "2026-06-01T00:00+02:00"),  # it is May in Berlin
        ("day", 2, "2026-03-28T12:00+01:00", "2026-03-29T03:00+02:00"),  # 2:00 is skipped
    ],
    ids=["before", "on the dot", "week", "month", "skipped hour"],
)
def test_next_time_follows_the_owners_calendar(every: str, hour: int, now: str, expected: str) -> None:
    found = timing.next_at(every, hour, BERLIN, at(now))
    assert found == at(expected)
    assert timing.latest_at(every, hour, BERLIN, found) == found


@pytest.fixture
def people(app: Flask) -> None:
    """An owner and a reader who may see Insights of acme, and one of staff who may not."""
    for email, role in ((OWNER, "manager"), (READER, "manager"), ("staff@example.com", "staff")):
        create_operator(
            email, email.partition("@")[0].title(), "correct horse battery staple", [(role, "acme")]
        )
    db.session.commit()


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page with known figures in place of computed ones, and nothing to draw."""
    monkeypatch.setattr(pages, "build", lambda _session, _name, _args: outgoing.page(charts=()))


@pytest.fixture
def post() -> Iterator[Post]:
    with post_office(Post()) as office:
        yield office


@pytest.fixture
def mailing(acme: TenantRef, people: None) -> int:
    """A daily mailing at 7 in UTC, set up the day before."""
    wanted = Wanted("suppliers", {"period": "3m"}, [OWNER, READER, "staff@example.com"], "day", 5)
    with use_tenant(acme, actor=OWNER) as session:
        made = service.save(session, None, wanted, owner=OWNER, now=at("2026-04-14T12:00+00:00"))
        session.commit()
        return made.id


def run(acme: TenantRef, settings: Settings, port: int, now: datetime = NOW) -> int:
    return jobs.mail_tenant(acme, settings.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{port}"}), now)


def state(acme: TenantRef, mailing: int) -> KpiMailing:
    with use_tenant(acme, actor="test") as session:
        found = queries.get_mailing(session, mailing)
        session.expunge(found)
        return found


def parsed(content: bytes) -> EmailMessage:
    found = message_from_bytes(content, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_due_page_reaches_each_reader_with_its_charts_and_pdf(
    acme: TenantRef, settings: Settings, mailing: int, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "build", lambda _session, _name, _args: outgoing.page())
    assert run(acme, settings, post.port) == 2
    asked = [line for line in post.lines if line.startswith("rcpt")]
    assert asked == [f"rcpt TO:<{OWNER}>", f"rcpt TO:<{READER}>"]
    mail = parsed(post.mails[0])
    parts = {part.get_content_type(): part for part in mail.walk()}
    assert mail["Subject"] == "Suppliers of Acme: Last 3 months (Feb 2026 to Apr 2026)"
    assert Image.open(io.BytesIO(parts["image/png"].get_content())).size == (1280, 568)
    assert parts["application/pdf"].get_content().startswith(b"%PDF-")
    html, text = parts["text/html"].get_content(), parts["text/plain"].get_content()
    assert f"cid:{parts['image/png']['Content-ID'].strip('<>')}" in html
    assert "No data. Nobody has quoted yet." in html
    for words in (html, text):
        assert "81.3 %" in words
        assert "no data" in words
        assert f"/t/acme/insights/mailings/{mailing}/leave" in words
        assert "/t/acme/insights/suppliers?period=3m" in words
    assert mail["List-Unsubscribe"] == f"<{settings.url}/t/acme/insights/mailings/{mailing}/leave>"
    kept = state(acme, mailing)
    assert (kept.last_sent_at, kept.last_error) == (NOW, None)
    assert kept.next_at == at("2026-04-16T05:00+00:00")


@pytest.mark.usefixtures("shown")
def test_it_goes_once_and_not_before_its_time(
    acme: TenantRef, settings: Settings, mailing: int, post: Post
) -> None:
    assert run(acme, settings, post.port, at("2026-04-15T04:59+00:00")) == 0
    assert run(acme, settings, post.port) == 2
    assert run(acme, settings, post.port) == 0


@pytest.mark.usefixtures("shown")
def test_server_that_is_away_is_shown_and_tried_again_with_the_same_message_id(
    acme: TenantRef, settings: Settings, mailing: int, post: Post
) -> None:
    assert run(acme, settings, 1) == 0
    kept = state(acme, mailing)
    assert "The mail server did not take the mail." in (kept.last_error or "")
    assert (kept.last_sent_at, kept.next_at) == (None, at("2026-04-15T06:15+00:00"))
    assert run(acme, settings, post.port, kept.next_at) == 2
    first = parsed(post.mails[0])["Message-ID"]
    with use_tenant(acme, actor="test") as session:
        service.send_now(session, queries.get_mailing(session, mailing), NOW)
        session.commit()
    assert run(acme, settings, post.port, at("2026-04-15T06:30+00:00")) == 2
    assert parsed(post.mails[2])["Message-ID"] == first


@pytest.mark.usefixtures("shown")
def test_address_that_is_refused_holds_up_nobody_else(
    acme: TenantRef, settings: Settings, mailing: int, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = core_mail.send_mail

    def refuse_one(to: str, *args: object, **options: object) -> str:
        port = 1 if to == READER else post.port
        there = settings.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{port}"})
        return genuine(to, *args, **(options | {"settings": there}))  # type: ignore[arg-type]

    monkeypatch.setattr(sending, "send_mail", refuse_one)
    assert run(acme, settings, post.port) == 1
    kept = state(acme, mailing)
    assert (kept.last_error or "").startswith(f"Not sent to {READER}")
    assert kept.next_at == at("2026-04-16T05:00+00:00")  # who got it does not get it again


@pytest.mark.usefixtures("shown")
def test_worker_that_dies_while_sending_leaves_it_due_again(
    acme: TenantRef, settings: Settings, mailing: int, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_args: object, **_options: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sending, "send_mail", die)
        with pytest.raises(KeyboardInterrupt):
            run(acme, settings, post.port)
    kept = state(acme, mailing)
    assert kept.last_error == service.CUT_OFF
    assert run(acme, settings, post.port, kept.next_at) == 2


@pytest.mark.usefixtures("shown")
def test_owner_without_access_any_more_mails_nothing(
    acme: TenantRef, settings: Settings, mailing: int, post: Post
) -> None:
    with use_tenant(acme, actor="test") as session:
        session.get_one(KpiMailing, mailing).owner = "staff@example.com"
        session.commit()
    assert run(acme, settings, post.port) == 0
    kept = state(acme, mailing)
    assert not kept.is_active
    assert "may not see this page any more" in (kept.last_error or "")
    assert post.mails == []


@pytest.mark.usefixtures("people")
def test_filter_on_something_deleted_pauses_it_with_the_reason(
    acme: TenantRef, settings: Settings, mailing: int, post: Post
) -> None:
    with use_tenant(acme, actor="test") as session:
        session.get_one(KpiMailing, mailing).filters = {"org": "999999"}
        session.commit()
    assert run(acme, settings, post.port) == 0
    kept = state(acme, mailing)
    assert not kept.is_active
    assert "There is no such organization." in (kept.last_error or "")


def test_person_sets_it_up_pauses_resumes_leaves_and_deletes_it(
    login: Callable[..., FlaskClient], acme: TenantRef
) -> None:
    browser = login("manager", tenant="acme")
    own = browser.email  # type: ignore[attr-defined]
    base = "/t/acme/insights/mailings"
    assert "Nothing is mailed" in browser.get(base).get_data(as_text=True)
    form = f"{base}/new/suppliers?period=6m"
    assert "Last 6 months" in browser.get(form).get_data(as_text=True)
    assert browser.post(form, data={"every": "week", "hour": "6"}).status_code == 422  # to nobody
    chosen = {"recipients": [own], "every": "week", "hour": "6", "is_active": "y"}
    assert browser.post(form, data=chosen).status_code == 302
    with use_tenant(acme, actor="test") as session:
        (made,) = queries.list_mailings(session)
        assert (made.owner, made.filters, made.every, made.next_at.weekday()) == (
            own,
            {"period": "6m"},
            "week",
            0,
        )
        one = f"{base}/{made.id}"
    page = browser.get(base).get_data(as_text=True)
    assert "Every monday at 06:00" in page
    assert browser.post(f"{one}/pause").status_code == 302
    assert browser.post(f"{one}/send").status_code == 409
    assert browser.post(f"{one}/resume").status_code == 302
    assert browser.post(one, data=chosen | {"hour": "9"}).status_code == 302
    assert "Get Supplier performance by mail no more?" in browser.get(f"{one}/leave").get_data(as_text=True)
    assert browser.post(f"{one}/leave").status_code == 302
    assert not state(acme, made.id).is_active  # nobody is left
    assert own in browser.get(f"{one}/delete").get_data(as_text=True)
    assert browser.post(f"{one}/delete").status_code == 302
    assert browser.get(one).status_code == 404


def test_nobody_without_access_can_be_chosen(login: Callable[..., FlaskClient]) -> None:
    browser = login("manager", tenant="acme")
    data = {"recipients": ["outside@example.org"], "every": "day", "hour": "6"}
    assert browser.post("/t/acme/insights/mailings/new/suppliers", data=data).status_code == 422


@pytest.mark.parametrize("ending", ["csv", "pdf", "xlsx"])
def test_page_is_downloaded_with_its_filters(login: Callable[..., FlaskClient], ending: str) -> None:
    answer = login("manager", tenant="acme").get(f"/t/acme/insights/suppliers.{ending}?period=6m")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f'attachment; filename="acme-suppliers.{ending}"'
    assert answer.data.startswith({"csv": b"\xef\xbb\xbfSupplier", "pdf": b"%PDF-", "xlsx": b"PK"}[ending])


def test_every_page_can_be_downloaded_before_anything_was_computed(login: Callable[..., FlaskClient]) -> None:
    browser = login("manager", tenant="acme")
    for name in pages.PAGES:
        answer = browser.get(f"/t/acme/insights/{name}.xlsx")
        assert (answer.status_code, answer.data[:2]) == (200, b"PK"), name


def test_part_of_a_page_that_is_not_there_is_not_found(login: Callable[..., FlaskClient]) -> None:
    answer = login("manager", tenant="acme").get("/t/acme/insights/market.csv?part=nothing")
    assert answer.status_code == 404
