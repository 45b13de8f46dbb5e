"""Owns the HTTP client: keep-alive sessions with cookies, and forms read from a page as a browser would."""

import http.client
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"
Fields = list[tuple[str, str]]


@dataclass(frozen=True)
class Request:
    """One request, ready to send. `form` makes it a POST; `expect` is the status that counts as success."""

    path: str
    form: Fields | None = None
    expect: int = 200


@dataclass(frozen=True)
class Response:
    """What came back, and how many seconds passed from the first byte sent to the last one read."""

    status: int
    location: str
    body: bytes
    seconds: float

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


class WrongAnswerError(Exception):
    """A server answered, but not with what was measured for."""


@dataclass
class Session:
    """One keep-alive connection with its cookies. Not for sharing between threads: clone it."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    _connection: http.client.HTTPConnection | None = None

    def clone(self) -> "Session":
        """Return a session of the same person on a connection of its own."""
        return Session(self.port, dict(self.cookies))

    def get(self, path: str, expect: int = 200) -> Response:
        """Send a GET."""
        return self.send(Request(path, expect=expect))

    def send(self, request: Request) -> Response:
        """Send it once; a kept connection that the server has closed meanwhile is opened anew.

        Raises WrongAnswerError on another status than the expected one.
        """
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            response = self._exchange(self._connection, request)
        except (http.client.RemoteDisconnected, ConnectionError):
            self._connection.close()
            response = self._exchange(self._connection, request)
        if response.status != request.expect:
            hint = " ".join(response.text.split())[:2000]
            raise WrongAnswerError(f"{request.path}: {response.status}, expected {request.expect}: {hint}")
        return response

    def _exchange(self, connection: http.client.HTTPConnection, request: Request) -> Response:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if request.form is not None:
            headers |= {"Content-Type": FORM, "Referer": f"http://127.0.0.1:{self.port}{request.path}"}
        body = None if request.form is None else urlencode(request.form)
        start = time.perf_counter()
        connection.request("GET" if body is None else "POST", request.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        seconds = time.perf_counter() - start
        self._remember(answer.headers.get_all("Set-Cookie") or [])
        return Response(answer.status, answer.headers.get("Location", ""), content, seconds)

    def _remember(self, headers: list[str]) -> None:
        for header in headers:
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies[name.strip()] = value

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


def fields_of(html: str, containing: str) -> Fields:
    """Return what a browser would send for the form that has a control named `containing`."""
    reader = _FormReader()
    reader.feed(html)
    for form in reader.forms:
        if any(name == containing for name, _ in form):
            return form
    raise WrongAnswerError(f"the page has no form with a field {containing!r}")


def replaced(form: Fields, name: str, value: str) -> Fields:
    """Return the fields with one of them set to another value."""
    return [(key, value if key == name else old) for key, old in form]


class _FormReader(HTMLParser):
    """Collects the successful controls of every form, in order, as HTML defines them."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Fields] = []
        self._open = False
        self._text: list[str] | None = None
        self._name = ""
        self._select: tuple[str, list[str], list[str], bool] | None = None
        self._template = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "template":
            self._template += 1
        if self._template:
            return
        if tag == "form":
            self.forms.append([])
            self._open = True
        elif self._open and "disabled" not in values:
            self._start_control(tag, values)

    def _start_control(self, tag: str, values: dict[str, str]) -> None:
        name = values.get("name", "")
        if tag == "input" and name:
            self._input(name, values)
        elif tag == "textarea" and name:
            self._name, self._text = name, []
        elif tag == "select" and name:
            self._select = (name, [], [], "multiple" in values)
        elif tag == "option" and self._select is not None:
            self._select[1].append(values.get("value", ""))
            if "selected" in values:
                self._select[2].append(values.get("value", ""))

    def _input(self, name: str, values: dict[str, str]) -> None:
        kind = values.get("type", "text")
        if kind in {"submit", "button", "image", "reset", "file"}:
            return
        if kind in {"checkbox", "radio"}:
            if "checked" in values:
                self.forms[-1].append((name, values.get("value", "on")))
            return
        self.forms[-1].append((name, values.get("value", "")))

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "template":
            self._template -= 1
        elif tag == "form":
            self._open = False
        elif tag == "textarea" and self._text is not None:
            self.forms[-1].append((self._name, "".join(self._text).removeprefix("\n")))
            self._text = None
        elif tag == "select" and self._select is not None:
            name, options, selected, multiple = self._select
            chosen = selected or ([] if multiple else options[:1])
            self.forms[-1] += [(name, value) for value in chosen]
            self._select = None
