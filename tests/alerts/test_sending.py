"""Sending: real HTTP and SMTP conversations, retries, copies, and where a webhook may not lead."""

import hashlib
import hmac
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dashboard.alerts import queries as alerts
from dashboard.alerts import service
from dashboard.alerts.deliveries import destinations, jobs, outgoing, queries, sealing, sending
from dashboard.alerts.deliveries import service as routes
from dashboard.alerts.deliveries.destinations import Allowed, RefusedError
from dashboard.alerts.deliveries.models import Body, Delivery, Kind, Purpose, Route
from dashboard.alerts.deliveries.sending import WAITS
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import UnavailableError
from dashboard.servers import free_port
from tests.alerts.conftest import Desk, bad
from tests.alerts.receiving import Receiver, receiving
from tests.core.test_mail import Post, post_office

SECRET = "a secret of the receiver"


def webhook(control: Session, settings: Settings, url: str, **changed: Any) -> Route:
    facts = {"name": "hook", "kind": Kind.WEBHOOK, "address": "127.0.0.1", "severities": [], "areas": []}
    made = Route(
        **{**facts, **changed},
        sealed_url=sealing.seal(url, settings.secret_key),
        sealed_secret=sealing.seal(SECRET, settings.secret_key),
    )
    control.add(made)
    control.flush()
    return made


def fire(desk: Desk) -> Delivery:
    desk.at(-60, bad())
    desk.at(-40, bad())
    found = db.session.scalars(select(Delivery)).one()
    assert isinstance(found, Delivery)
    return found


def late(delivery: Delivery) -> None:
    """Let the pause before its next try be over."""
    delivery.due_at = datetime.now(UTC) - timedelta(seconds=1)


def test_webhook_gets_the_alert_once_signed_and_with_its_key(
    desk: Desk, control: Session, receiver: Receiver, reaching: Settings
) -> None:
    webhook(control, reaching, receiver.url)
    delivery = fire(desk)
    assert jobs.deliver(None) == {"sent": 1, "failed": 0}
    assert jobs.deliver(None) == {"sent": 0, "failed": 0}
    (got,) = receiver.got
    assert (got.method, got.path) == ("POST", "/hook/secret-path?token=hidden")
    assert got.headers["Idempotency-Key"] == str(delivery.id) == got.json["id"]
    signed = f"{got.headers['X-Steward-Timestamp']}.".encode() + got.body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert got.headers["X-Steward-Signature"] == f"sha256={expected}"
    (alert,) = got.json["alerts"]
    assert (alert["rule"], alert["state"], alert["severity"]) == (desk.key, "firing", "warning")
    assert alert["url"] == f"https://steward.example.com/database/alerts/rules/{desk.key}"
    assert "17 files wait" in got.json["text"]
    assert delivery.state == "sent"


def test_chat_gets_one_text(desk: Desk, control: Session, receiver: Receiver, reaching: Settings) -> None:
    webhook(control, reaching, receiver.url, body=Body.TEXT)
    fire(desk)
    jobs.deliver(None)
    assert list(receiver.got[0].json) == ["text"]
    assert receiver.got[0].json["text"].startswith("[Steward] WARNING: Many WAL files wait")


def test_mail_goes_out_and_a_copy_has_the_same_id(desk: Desk, control: Session, reaching: Settings) -> None:
    made = Route(name="dba", kind=Kind.MAIL, address="dba@example.com", severities=[], areas=[])
    control.add(made)
    delivery = fire(desk)
    with post_office(Post()) as post:
        url = f"smtp://127.0.0.1:{post.port}"
        set_up = reaching.model_copy(update={"smtp_url": url, "mail_from": "steward@example.com"})
        assert sending.send(delivery, set_up) is None
        assert sending.send(delivery, set_up) is None
    assert post.header("Subject") == "[Steward] WARNING: Many WAL files wait to be archived"
    assert post.header("Message-ID") == f"<alert-{delivery.id}@example.com>"
    assert len({mail.split(b"Message-ID: ")[1].split(b"\r\n")[0] for mail in post.mails}) == 1
    assert b"17 files wait" in post.mails[0]


@pytest.mark.breaks("alerts.delivery_failing")
def test_receiver_that_is_away_is_tried_again_given_up_and_alerted(
    desk: Desk, app: Flask, control: Session, reaching: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody listens; after all tries the rule fires, and clears when a test arrives."""
    port = free_port()
    made = webhook(control, reaching, f"http://127.0.0.1:{port}/")
    delivery = fire(desk)
    monkeypatch.undo()  # all rules and conditions again
    monkeypatch.setitem(app.extensions, "steward_settings", reaching)

    def state(now: datetime) -> str:
        service.evaluate(now)
        found = alerts.find_alert("alerts.delivery_failing", "hook")
        return str(found.state) if found else "ok"

    for attempt, wait in enumerate(WAITS, start=1):
        before = datetime.now(UTC)
        assert jobs.deliver(None) == {"sent": 0, "failed": 1}
        assert (delivery.attempts, delivery.state) == (attempt, "retried")
        assert delivery.error == "127.0.0.1 did not answer: connection refused"
        assert delivery.due_at >= before + timedelta(seconds=wait)
        late(delivery)
    now = datetime.now(UTC)
    assert state(now) == "ok"
    assert state(now + timedelta(seconds=301)) == "firing"  # late already
    jobs.deliver(None)
    assert delivery.state == "failed"
    assert state(now + timedelta(seconds=310)) == "firing"
    assert not [
        row
        for row in queries.list_deliveries()
        for facts in row.content["fires"]
        if facts["rule"] == "alerts.delivery_failing"
    ]  # it is not told through itself
    with receiving(port) as receiver:
        routes.test(made, [], actor="ada@example.com")
        jobs.deliver(None)
        assert receiver.got
    assert state(now + timedelta(seconds=320)) == "firing"
    assert state(now + timedelta(seconds=380)) == "ok"


@pytest.mark.parametrize(
    ("status", "attempts"),
    [(404, 3), (429, 10), (500, 10), (302, 3)],
    ids=["gone", "busy", "broken", "moved"],
)
def test_refusal_for_good_is_given_up_sooner(
    desk: Desk, control: Session, receiver: Receiver, reaching: Settings, status: int, attempts: int
) -> None:
    receiver.status, receiver.location = status, "http://169.254.169.254/"
    webhook(control, reaching, receiver.url)
    delivery = fire(desk)
    for _ in range(20):
        jobs.deliver(None)
        late(delivery)
    assert (delivery.state, delivery.attempts, len(receiver.got)) == ("failed", attempts, attempts)
    assert f"127.0.0.1 answered with HTTP {status}" in delivery.error
    assert "token" not in delivery.error


def test_message_that_was_given_up_is_sent_again_on_request(
    desk: Desk, control: Session, receiver: Receiver, reaching: Settings
) -> None:
    receiver.status = 404
    webhook(control, reaching, receiver.url)
    delivery = fire(desk)
    for _ in range(3):
        jobs.deliver(None)
        late(delivery)
    receiver.status = 200
    routes.retry(delivery.id, actor="ada@example.com")
    assert jobs.deliver(None) == {"sent": 1, "failed": 0}
    assert {got.headers["Idempotency-Key"] for got in receiver.got} == {str(delivery.id)}


def test_messages_of_a_route_keep_their_order_and_hold_up_no_other(
    desk: Desk, control: Session, receiver: Receiver, reaching: Settings
) -> None:
    broken = webhook(control, reaching, f"http://127.0.0.1:{free_port()}/", name="broken")
    webhook(control, reaching, receiver.url, name="well")
    desk.at(-100, bad())
    desk.at(-80, bad())
    assert jobs.deliver(None) == {"sent": 1, "failed": 1}
    desk.at(-70, [])
    desk.at(-10, [])
    assert jobs.deliver(None) == {"sent": 1, "failed": 0}  # "cleared" waits behind "fires" of the broken one
    waiting = control.scalars(
        select(Delivery).where(Delivery.route_id == broken.id).order_by(Delivery.created_at)
    ).all()
    assert [row.attempts for row in waiting] == [1, 0]
    broken.sealed_url = sealing.seal(receiver.url, reaching.secret_key)
    late(waiting[0])
    assert jobs.deliver(None) == {"sent": 2, "failed": 0}
    assert [got.json["alerts"][0]["state"] for got in receiver.got[-2:]] == ["firing", "cleared"]


def test_sender_that_dies_leaves_the_message_to_the_next_with_the_same_key(
    desk: Desk, control: Session, receiver: Receiver, reaching: Settings
) -> None:
    webhook(control, reaching, receiver.url)
    fire(desk)
    claimed = sending.claim()
    assert claimed is not None
    assert sending.send(claimed, reaching) is None  # it arrived, and the process dies before noting that
    assert jobs.deliver(None) == {"sent": 0, "failed": 0}  # nobody else sends it while the lease lasts
    late(claimed)
    assert jobs.deliver(None) == {"sent": 1, "failed": 0}
    keys = [got.headers["Idempotency-Key"] for got in receiver.got]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_route_that_is_deleted_while_its_message_is_sent_stops_nothing(
    desk: Desk, control: Session, receiver: Receiver, reaching: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = webhook(control, reaching, receiver.url)
    fire(desk)
    send = sending.send

    def send_and_delete(delivery: Delivery, settings: Settings) -> sending.Failure | None:
        failure = send(delivery, settings)
        control.execute(delete(Route).where(Route.id == made.id).execution_options(synchronize_session=False))
        return failure

    monkeypatch.setattr(sending, "send", send_and_delete)
    assert jobs.deliver(None) == {"sent": 1, "failed": 0}
    assert len(receiver.got) == 1


def test_schedule_process_sends_what_no_job_sent(
    desk: Desk, control: Session, receiver: Receiver, reaching: Settings
) -> None:
    webhook(control, reaching, receiver.url)
    delivery = fire(desk)
    delivery.due_at = datetime.now(UTC) - timedelta(seconds=5)
    control.commit()
    assert not jobs.deliver_if_missed()  # the job may still come
    control.merge(delivery).due_at = datetime.now(UTC) - timedelta(seconds=25)
    control.commit()
    assert jobs.deliver_if_missed()
    assert len(receiver.got) == 1
    assert not jobs.deliver_if_missed()


def test_away_control_database_is_waited_for(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OSError("gone")

    monkeypatch.setattr(queries, "oldest_due_at", away)
    assert not jobs.deliver_if_missed()


@contextmanager
def dripping() -> Iterator[int]:
    """A server that sends one byte at a time, for ever."""
    stop = threading.Event()
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(5)

        def drip() -> None:
            link, _ = server.accept()
            with closing(link):
                while not stop.wait(0.05):
                    try:
                        link.send(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            thread.join()


def test_receiver_that_drips_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "WHOLE_SECONDS", 0.4)
    with dripping() as port, pytest.raises(outgoing.CallError):
        outgoing.call(destinations.trust(f"http://127.0.0.1:{port}/"), "GET", {})


def test_plain_answer_on_a_tls_port_is_said(receiver: Receiver) -> None:
    to = destinations.trust(receiver.url.replace("http://", "https://"))
    with pytest.raises(outgoing.CallError, match=r"127\.0\.0\.1 did not answer"):
        outgoing.call(to, "GET", {})


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://169.254.169.254/latest/meta-data", "keys are served"),
        ("https://[fd00:ec2::254]/", "keys are served"),
        ("https://100.100.100.200/", "keys are served"),
        ("https://[fe80::1]/", "keys are served"),
        ("https://[::ffff:169.254.169.254]/", "keys are served"),
        ("https://[64:ff9b::a9fe:a9fe]/", "keys are served"),
        ("https://[2002:a9fe:a9fe::1]/", "keys are served"),
        ("https://127.0.0.1/", "this machine"),
        ("https://[::1]/", "this machine"),
        ("https://10.0.0.1/", "private network"),
        ("https://192.168.1.1:8443/", "private network"),
        ("https://0.0.0.0/", "nobody"),
        ("https://224.0.0.1/", "nobody"),
        ("https://localhost/", "this machine"),
        ("https://2130706433/", "this machine"),  # 127.0.0.1 as one number
        ("http://example.com/", "begin with https"),
        ("ftp://example.com/", "begins with https"),
        ("https://me:pw@example.com/", "Leave name and password out"),
        ("https:///path", "begins with https"),
        ("https://example.com:x/", "no address"),
        ("https://exa mple.com/", "no blanks"),
        ("https://example.com/ä", "plain letters"),
    ],
    ids=lambda value: value if value.startswith(("http", "ftp")) else "",
)
def test_webhook_may_not_lead_near_this_machine(url: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        destinations.check(url, Allowed())


def test_administrator_may_allow_hosts_and_private_networks() -> None:
    assert (
        destinations.check("http://127.0.0.1:8080/x?y", Allowed(["127.0.0.1"])).authority == "127.0.0.1:8080"
    )
    assert destinations.check("https://10.0.0.1/", Allowed(private=True)).address == "10.0.0.1"
    for allowed in (Allowed(private=True), Allowed(["169.254.169.254"])):
        with pytest.raises(RefusedError, match="keys are served"):
            destinations.check("https://169.254.169.254/", allowed)
    with pytest.raises(RefusedError, match="this machine"):
        destinations.check("https://127.0.0.1/", Allowed(private=True))


def test_address_that_was_judged_is_the_one_that_is_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name leads elsewhere at the second look: nobody looks twice."""
    looked = []

    def look_up(host: str, port: int) -> list[str]:
        looked.append((host, port))
        return ["127.0.0.1"] if len(looked) == 1 else ["169.254.169.254"]

    monkeypatch.setattr(destinations, "look_up", look_up)
    to = destinations.check(receiver.url.replace("127.0.0.1", "hooks.test"), Allowed(["hooks.test"]))
    assert outgoing.call(to, "POST", {}, b"{}") == 200
    assert receiver.got[0].headers["Host"] == f"hooks.test:{receiver.port}"
    assert len(looked) == 1


def test_one_bad_address_of_several_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destinations, "look_up", lambda *_: ["93.184.215.14", "10.0.0.1"])
    with pytest.raises(RefusedError, match=r"hooks\.test leads to 10\.0\.0\.1"):
        destinations.check("https://hooks.test/", Allowed())


def test_refused_address_and_unknown_name_are_failures_with_their_words(
    desk: Desk, control: Session, reaching: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = webhook(control, reaching, "https://localhost/x")
    delivery = fire(desk)
    jobs.deliver(None)
    assert "this machine" in delivery.error

    def unknown(*_args: object) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(destinations, "look_up", unknown)
    late(delivery)
    jobs.deliver(None)
    assert delivery.error == "127.0.0.1 cannot be looked up: Name or service not known"
    made.sealed_url = sealing.seal("https://example.com", "another key of this installation")
    late(delivery)
    jobs.deliver(None)
    assert "another STEWARD_SECRET_KEY" in delivery.error


def test_message_that_cannot_be_written_holds_up_no_other(
    desk: Desk, control: Session, receiver: Receiver, reaching: Settings
) -> None:
    webhook(control, reaching, receiver.url)
    delivery = fire(desk)
    delivery.content = {"nothing": 1}
    control.flush()
    assert jobs.deliver(None) == {"sent": 0, "failed": 1}
    assert delivery.error == "It could not be written: KeyError"


def test_test_waits_for_no_other_and_is_tried_once(desk: Desk, control: Session, reaching: Settings) -> None:
    made = webhook(control, reaching, f"http://127.0.0.1:{free_port()}/")
    delivery = fire(desk)
    jobs.deliver(None)
    test = routes.test(made, [], actor="ada@example.com")
    jobs.deliver(None)
    assert (test.purpose, test.state, test.attempts) == (Purpose.TEST, "failed", 1)
    assert (delivery.attempts, delivery.state) == (1, "retried")


def test_secrets_are_sealed_and_open_only_with_the_key() -> None:
    sealed = sealing.seal(SECRET, "k" * 16)
    assert SECRET not in sealed
    assert sealing.unseal(sealed, "k" * 16) == SECRET
    assert (sealing.seal("", "k" * 16), sealing.unseal("", "k" * 16)) == ("", "")
    with pytest.raises(UnavailableError, match="another STEWARD_SECRET_KEY"):
        sealing.unseal(sealed, "j" * 16)


def test_hosts_are_read_from_the_environment_as_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEWARD_WEBHOOK_HOSTS", "Hooks.internal, 127.0.0.1")
    assert Settings().webhook_hosts == ("hooks.internal", "127.0.0.1")  # type: ignore[call-arg]


def test_destination_names_its_host_with_the_port_that_is_not_usual() -> None:
    to = destinations.Destination("https", "::1", 443, "/", "::1")
    assert (to.authority, replace(to, port=8443).authority) == ("[::1]", "[::1]:8443")
