"""Mail: over a real SMTP conversation, or as files."""

import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from dashboard.core import mail
from dashboard.core.config import Settings
from dashboard.core.errors import InvalidInputError, UnavailableError
from dashboard.core.mail import Attachment, send_mail


@dataclass
class Post:
    """What the server was told and what it should answer."""

    lines: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    extensions: tuple[str, ...] = ()
    recipient_reply: str = "250 ok"
    tls: ssl.SSLContext | None = None
    port: int = 0

    def header(self, name: str) -> str:
        return str(message_from_bytes(self.mails[0], policy=policy.default)[name])


class Conversation(socketserver.StreamRequestHandler):
    """The part of SMTP that smtplib speaks."""

    def handle(self) -> None:
        post: Post = self.server.post  # type: ignore[attr-defined]
        if post.tls:
            self.request = post.tls.wrap_socket(self.request, server_side=True)
            self.setup()
        self.say("220 ready")
        while line := self.rfile.readline().decode().strip():
            post.lines.append(line)
            if not self.answer(post, line.upper()):
                return

    def answer(self, post: Post, line: str) -> bool:
        if line.startswith("EHLO"):
            self.say("\r\n".join(f"250-{name}" for name in ("test", *post.extensions)) + "\r\n250 HELP")
        elif line.startswith("AUTH"):
            self.say("235 welcome")
        elif line.startswith("RCPT"):
            self.say(post.recipient_reply)
        elif line.startswith("DATA"):
            self.say("354 go on")
            post.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
            self.say("250 taken")
        else:
            self.say("221 bye" if line == "QUIT" else "250 ok")
        return line != "QUIT"

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def post_office(post: Post) -> Iterator[Post]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation) as server:
        server.daemon_threads = True
        server.post = post  # type: ignore[attr-defined]
        post.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield post
        finally:
            server.shutdown()
            thread.join()


def at(settings: Settings, url: str) -> Settings:
    return settings.model_copy(update={"smtp_url": url, "mail_from": "steward@example.com"})


def test_mail_goes_over_smtp(settings: Settings) -> None:
    with post_office(Post()) as post:
        went = send_mail(
            "ada@example.com", "Grüße", "Hällo Ada", settings=at(settings, f"smtp://127.0.0.1:{post.port}")
        )
    assert went == "127.0.0.1"
    assert (post.header("To"), post.header("From")) == ("ada@example.com", "steward@example.com")
    assert post.header("Subject") == "Grüße"
    assert post.header("Message-ID").endswith("@example.com>")
    assert post.header("Date")
    body = message_from_bytes(post.mails[0], policy=policy.default).get_content()
    assert body.strip() == "Hällo Ada"
    assert not any(line.startswith("AUTH") for line in post.lines)


def test_name_and_password_of_the_url_are_used(settings: Settings) -> None:
    with post_office(Post(extensions=("AUTH PLAIN",))) as post:
        url = f"smtp://me%40x:p%3Aw@127.0.0.1:{post.port}"
        send_mail("ada@example.com", "Hello", "text", settings=at(settings, url))
    import base64  # noqa: PLC0415

    spoken = next(line for line in post.lines if line.startswith("AUTH PLAIN "))
    assert base64.b64decode(spoken.split()[-1]) == b"\0me@x\0p:w"


def test_password_is_not_sent_in_clear_to_another_host(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "LOCAL_HOSTS", frozenset())
    with post_office(Post(extensions=("AUTH PLAIN",))) as post:
        url = f"smtp://me:secret@127.0.0.1:{post.port}"
        with pytest.raises(UnavailableError, match="offers no TLS"):
            send_mail("ada@example.com", "Hello", "text", settings=at(settings, url))
    assert not any(line.startswith("AUTH") for line in post.lines)


def test_refused_recipient_is_told_without_the_address_in_the_message(settings: Settings) -> None:
    with post_office(Post(recipient_reply="550 no such user")) as post:
        url = f"smtp://127.0.0.1:{post.port}"
        with pytest.raises(UnavailableError, match="did not take the mail") as caught:
            send_mail("ada@example.com", "Hello", "text", settings=at(settings, url))
    assert caught.value.part == "mail"


def test_server_that_is_away_is_told(settings: Settings) -> None:
    with pytest.raises(UnavailableError, match="did not take the mail"):
        send_mail("ada@example.com", "Hello", "text", settings=at(settings, "smtp://127.0.0.1:1"))


@pytest.mark.parametrize("url", ["http://mail.example.com", "smtp://", "mail.example.com"])
def test_wrong_url_names_the_setting(settings: Settings, url: str) -> None:
    with pytest.raises(UnavailableError, match="STEWARD_SMTP_URL"):
        send_mail("ada@example.com", "Hello", "text", settings=at(settings, url))


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    """A certificate nobody signed."""
    key, crt = tmp_path / "key.pem", tmp_path / "crt.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=x"]
    subprocess.run([*command, "-keyout", key, "-out", crt], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    return context


def test_tls_server_nobody_vouches_for_gets_no_mail(
    settings: Settings, certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socketserver.BaseServer, "handle_error", lambda *_args: None)
    with post_office(Post(tls=certificate)) as post:
        url = f"smtps://127.0.0.1:{post.port}"
        with pytest.raises(UnavailableError, match="did not take the mail"):
            send_mail("ada@example.com", "Hello", "text", settings=at(settings, url))
    assert post.mails == []


def test_tls_from_the_start_carries_mail(
    settings: Settings, certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
    with post_office(Post(tls=certificate)) as post:
        url = f"smtps://127.0.0.1:{post.port}"
        send_mail("ada@example.com", "Hello", "text", settings=at(settings, url))
    assert post.header("Subject") == "Hello"


def test_offered_starttls_is_taken_and_its_failure_stops_the_mail(settings: Settings) -> None:
    with post_office(Post(extensions=("STARTTLS",))) as post:
        url = f"smtp://127.0.0.1:{post.port}"
        with pytest.raises(UnavailableError, match="did not take the mail"):
            send_mail("ada@example.com", "Hello", "text", settings=at(settings, url))
    assert "STARTTLS" in post.lines
    assert post.mails == []


def test_without_a_server_mail_becomes_a_file_for_its_owner_only(settings: Settings, tmp_path: Path) -> None:
    quiet = settings.model_copy(update={"smtp_url": "", "home": tmp_path})
    path = Path(send_mail("ada@example.com", "Hello", "text", settings=quiet))
    assert path.parent == tmp_path / "mail"
    assert path.suffix == ".eml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert message["Auto-Submitted"] == "auto-generated"
    assert send_mail("ada@example.com", "Hello", "text", settings=quiet) != str(path)


@pytest.mark.parametrize(
    ("to", "subject"), [("a@b\nBcc: all@example.com", "Hello"), ("a@b", "Hello\r\nBcc: x@y")]
)
def test_line_break_cannot_add_a_header(settings: Settings, to: str, subject: str) -> None:
    with pytest.raises(InvalidInputError):
        send_mail(to, subject, "text", settings=settings)


def test_files_go_with_a_mail_under_their_names(settings: Settings, tmp_path: Path) -> None:
    quiet = settings.model_copy(update={"smtp_url": "", "home": tmp_path})
    file = Attachment("Bestellung \u6ce8\u6587.pdf", b"%PDF-1.7 bytes", "application/pdf")
    path = send_mail("a@example.com", "Order", "See the file.", attachments=[file], settings=quiet)
    mail = message_from_bytes(Path(path).read_bytes(), policy=policy.default)
    (stored,) = mail.iter_attachments()
    assert stored.get_filename() == file.file_name
    assert stored.get_content_type() == "application/pdf"
    assert stored.get_content() == file.content


def test_pictures_stand_in_the_html_and_files_beside_the_text(settings: Settings, tmp_path: Path) -> None:
    quiet = settings.model_copy(update={"smtp_url": "", "home": tmp_path})
    files = [
        Attachment("page.pdf", b"%PDF-1.7 bytes", "application/pdf"),
        Attachment("spend.png", b"\x89PNG bytes", "image/png", content_id="spend@steward"),
    ]
    html = '<p>See</p><img src="cid:spend@steward" alt="Spend">'
    headers = {"List-Unsubscribe": "<https://steward.example.com/leave>"}
    path = send_mail("a@b.c", "Spend", "See", html=html, attachments=files, headers=headers, settings=quiet)
    mail = message_from_bytes(Path(path).read_bytes(), policy=policy.default)
    assert mail["List-Unsubscribe"] == headers["List-Unsubscribe"]
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ]
    assert [part["Content-ID"] for part in mail.walk() if part["Content-ID"]] == ["<spend@steward>"]
    assert [file.get_filename() for file in mail.iter_attachments()] == ["page.pdf"]
