"""Owns sending mail: by SMTP where it is set up, else as files in the data folder."""

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

import structlog

from dashboard.core.config import Settings, get_settings
from dashboard.core.errors import InvalidInputError, UnavailableError

TIMEOUT_SECONDS = 15.0
PORTS = {"smtp": 25, "smtps": 465}
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})

log = structlog.get_logger()


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a mail; with a `content_id` it is a picture its HTML shows as `cid:…`."""

    file_name: str
    content: bytes
    content_type: str = "application/octet-stream"
    content_id: str = ""


def send_mail(
    to: str,
    subject: str,
    text: str,
    *,
    html: str = "",
    attachments: Sequence[Attachment] = (),
    message_id: str = "",
    headers: Mapping[str, str] | None = None,
    settings: Settings | None = None,
) -> str:
    """Send a mail and return where it went: a server's name or a file's path.

    `html` is the same as `text` for programs that show it. `message_id` is for what may be sent twice: mail
    programs show copies of one id once.
    Raises UnavailableError when the mail server cannot be reached or refuses the mail.
    """
    settings = settings or get_settings()
    message = _compose(settings.mail_from, to, subject, text, message_id)
    for name, value in (headers or {}).items():
        message[name] = value
    if html:
        message.add_alternative(html, subtype="html")
    _attach(message, attachments)
    if settings.smtp_url:
        return _send(urlsplit(settings.smtp_url), message)
    return str(_write(settings.home / "mail", message))


def _compose(sender: str, to: str, subject: str, text: str, message_id: str = "") -> EmailMessage:
    message = EmailMessage()
    try:
        message["From"], message["To"], message["Subject"] = sender, to, subject
    except ValueError as error:  # a line break in a header would start another header
        raise InvalidInputError("This mail has an address or subject that is not allowed.") from error
    message["Date"] = format_datetime(datetime.now(UTC))
    domain = sender.rpartition("@")[2] or "localhost"
    message["Message-ID"] = f"<{message_id}@{domain}>" if message_id else make_msgid(domain=domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def _attach(message: EmailMessage, files: Sequence[Attachment]) -> None:
    """Put pictures beside the HTML that shows them, then all other files beside the whole."""
    body = message.get_body(("html",))
    for file in sorted(files, key=lambda file: not file.content_id):
        main, _, sub = file.content_type.partition("/")
        if file.content_id and isinstance(body, EmailMessage):
            body.add_related(
                file.content,
                main,
                sub,
                cid=f"<{file.content_id}>",
                filename=file.file_name,
                disposition="inline",
            )
        else:
            message.add_attachment(file.content, maintype=main, subtype=sub, filename=file.file_name)


def _send(url: SplitResult, message: EmailMessage) -> str:
    try:
        with _connect(url) as server:
            if url.username:
                server.login(unquote(url.username), unquote(url.password or ""))
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        # The answer of a server may repeat what it was sent: the log gets the kind of error only.
        log.warning("mail_not_sent", host=url.hostname, error=type(error).__name__)
        raise UnavailableError(
            "mail",
            "The mail server did not take the mail.",
            fix="Check STEWARD_SMTP_URL and the server's log.",
        ) from error
    return str(url.hostname)


def _connect(url: SplitResult) -> smtplib.SMTP:
    """Connect, with TLS from the start (smtps) or as soon as it is offered. No password leaves in clear."""
    if url.scheme not in PORTS or not url.hostname:
        raise UnavailableError(
            "mail", "STEWARD_SMTP_URL must read smtp://user:password@host:port or smtps://…."
        )
    host, port = url.hostname, url.port or PORTS[url.scheme]
    context = ssl.create_default_context()
    if url.scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=context)
    server = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
    try:
        _secure(server, url, context)
    except BaseException:
        server.close()
        raise
    return server


def _secure(server: smtplib.SMTP, url: SplitResult, context: ssl.SSLContext) -> None:
    server.ehlo()
    if server.has_extn("starttls"):
        server.starttls(context=context)
    elif url.username and url.hostname not in LOCAL_HOSTS:
        raise UnavailableError(
            "mail", f"{url.hostname} offers no TLS, so the mail password is not sent to it."
        )


def _write(folder: Path, message: EmailMessage) -> Path:
    """Keep the mail as a file that only its owner can read: it may hold a link to log in."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    path = folder / f"{stamp}.eml"
    path.touch(mode=0o600)
    path.write_bytes(message.as_bytes())
    return path
