"""Owns how bytes of a file leave: always as a download that no browser interprets, never as a page."""

from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import quote

from flask import Response
from sqlalchemy.orm import Session

from dashboard.files import service
from dashboard.files.models import Attachment
from dashboard.files.setup import current_setup

CHUNK = 256 * 1024
SANDBOX = "default-src 'none'; sandbox; frame-ancestors 'none'"


def send(session: Session, attachment: Attachment, *, guarded: bool = True) -> Response:
    """Answer with a file's bytes, or let nginx send them where the setting says so.

    Raises what `service.open_file` raises, before the first byte goes out.
    """
    setup = current_setup()
    stream = service.open_file(session, attachment, guarded=guarded)
    if setup.accel and setup.store.is_local:
        stream.close()
        answer = Response(mimetype=attachment.content_type)
        answer.headers["X-Accel-Redirect"] = f"{setup.accel}/{attachment.storage_key}"
    else:
        answer = Response(_chunks(stream), mimetype=attachment.content_type)
        answer.call_on_close(stream.close)  # a HEAD request never starts reading
        answer.content_length = attachment.size
    return protect(answer, attachment.file_name)


def protect(answer: Response, name: str) -> Response:
    """Give an answer the headers of a download called `name`."""
    plain = "".join(letter if " " <= letter <= "~" and letter not in '"\\%' else "_" for letter in name)
    answer.headers["Content-Disposition"] = (
        f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    )
    answer.headers["Content-Security-Policy"] = SANDBOX
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk
