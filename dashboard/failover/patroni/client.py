"""Speaks to Patroni's REST API: who is in the cluster, its past, and the wishes one can send it."""

import base64
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

READ_SECONDS = 3.0
# Patroni answers a switchover when it is over: it looks for up to twice its loop_wait, at least 20 s.
ACT_SECONDS = 90.0
LEADERS = ("leader", "standby_leader")
UP = ("running", "streaming", "in archive recovery")
LONGEST_ANSWER = 2_000_000


class PatroniError(Exception):
    """Patroni is away, or refuses; the message is its own, in one line."""


class PatroniSilentError(PatroniError):
    """It did not answer in time: what was asked for may have happened."""


@dataclass(frozen=True)
class Node:
    """A member as Patroni sees it; `lag` in bytes behind the leader, None when unknown or it leads."""

    name: str
    role: str
    state: str
    host: str = ""
    port: int = 0
    timeline: int | None = None
    lag: int | None = None
    api_url: str = ""
    is_excluded: bool = False
    pending_restart: bool = False

    @property
    def is_leader(self) -> bool:
        """Whether it holds the leader key."""
        return self.role in LEADERS

    @property
    def is_up(self) -> bool:
        """Whether its server runs."""
        return self.state in UP


@dataclass(frozen=True)
class Event:
    """A change of the timeline in the past; Patroni keeps them in its store."""

    timeline: int
    position: int
    reason: str
    at: str = ""
    leader: str = ""


@dataclass(frozen=True)
class View:
    """The cluster at one moment. `scheduled` has at, from and to; `asked` is the address that answered."""

    nodes: list[Node] = field(default_factory=list)
    is_paused: bool = False
    scheduled: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    scope: str = ""
    version: str = ""
    asked: str = ""

    @property
    def leader(self) -> Node | None:
        """Who leads; None while nobody does."""
        return next((node for node in self.nodes if node.is_leader), None)

    def find(self, name: str) -> Node | None:
        """Return a member by name."""
        return next((node for node in self.nodes if node.name == name), None)


class Patroni:
    """The REST API of a cluster: `urls` are those of any of its members, asked in turn.

    `options`: username and password, cafile, certfile and keyfile.
    """

    def __init__(self, urls: Sequence[str], options: Mapping[str, Any] | None = None) -> None:
        self.urls = [url.rstrip("/") for url in urls]
        self.options = dict(options or {})
        for url in self.urls:
            if urlsplit(url).scheme not in {"http", "https"}:
                raise PatroniError(f"{url} is no address of a REST API: it begins with http:// or https://.")

    def look(self) -> View:
        """Read the cluster from the first member that answers. Raises PatroniError."""
        asked, cluster = self._any("GET", "/cluster")
        about = self._ask("GET", f"{asked}/patroni").get("patroni", {})
        events = self._ask("GET", f"{asked}/history")
        return View(
            nodes=[_node(row) for row in cluster.get("members", [])],
            is_paused=bool(cluster.get("pause")),
            scheduled={key: str(value) for key, value in (cluster.get("scheduled_switchover") or {}).items()},
            events=[_event(row) for row in events],
            scope=str(about.get("scope", "")),
            version=str(about.get("version", "")),
            asked=asked,
        )

    def switch_over(self, leader: str, candidate: str) -> str:
        """Change the leader with both alive; return Patroni's words. Raises PatroniError."""
        return self._say("POST", "/switchover", {"leader": leader, "candidate": candidate})

    def fail_over(self, candidate: str) -> str:
        """Make a member the leader without regard to the old one; return Patroni's words."""
        return self._say("POST", "/failover", {"candidate": candidate})

    def cancel_scheduled(self) -> str:
        """Take a scheduled switchover back."""
        return self._say("DELETE", "/switchover", {})

    def pause(self, *, wanted: bool) -> str:
        """Stop Patroni from failing over by itself, or let it again."""
        self._any("PATCH", "/config", {"pause": True if wanted else None})
        return "paused" if wanted else "resumed"

    def reinitialize(self, node: Node) -> str:
        """Let a member that is no leader copy the leader anew. It is asked itself."""
        return str(self._ask("POST", f"{self._own(node)}/reinitialize", {"force": True}, ACT_SECONDS))

    def _own(self, node: Node) -> str:
        """Return a member's own address, by the configured scheme, so that no secret goes in clear."""
        told, ours = urlsplit(node.api_url), urlsplit(self.urls[0])
        if not told.netloc:
            raise PatroniError(f"Patroni does not say where the REST API of {node.name} is.")
        return f"{ours.scheme}://{told.netloc}"

    def _say(self, method: str, path: str, body: Mapping[str, Any]) -> str:
        return str(self._any(method, path, body, ACT_SECONDS)[1])

    def _any(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, seconds: float = READ_SECONDS
    ) -> tuple[str, Any]:
        """Ask the members in turn until one answers; a refusal is an answer, and is raised."""
        away: list[str] = []
        for url in self.urls:
            try:
                return url, self._ask(method, f"{url}{path}", body, seconds)
            except PatroniSilentError as error:
                if method != "GET":
                    raise
                away.append(str(error))
            except _AwayError as error:
                away.append(str(error))
        raise PatroniError("; ".join(away) or "No address of Patroni is set (STEWARD_PATRONI_URL).")

    def _ask(
        self, method: str, url: str, body: Mapping[str, Any] | None = None, seconds: float = READ_SECONDS
    ) -> Any:
        headers = {"Content-Type": "application/json", **self._login()}
        data = None if body is None else json.dumps(body).encode()
        request = Request(url, data=data, headers=headers, method=method)  # noqa: S310  # checked above
        opener = build_opener(ProxyHandler({}), HTTPSHandler(context=self._tls()))
        try:
            with opener.open(request, timeout=seconds) as answer:
                return _read(answer.read(LONGEST_ANSWER).decode(errors="replace"))
        except HTTPError as error:
            words = error.read(2000).decode(errors="replace").strip() or error.reason
            raise PatroniError(f"Patroni refused ({error.code}): {words}") from error
        except TimeoutError as error:
            raise PatroniSilentError(f"{url} did not answer within {seconds:.0f} s") from error
        except URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise PatroniSilentError(f"{url} did not answer within {seconds:.0f} s") from error
            raise _AwayError(f"{url}: {error.reason}") from error
        except (OSError, HTTPException) as error:
            raise PatroniSilentError(f"{url}: {error or type(error).__name__}") from error

    def _login(self) -> dict[str, str]:
        if not self.options.get("username"):
            return {}
        pair = f"{self.options['username']}:{self.options.get('password', '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.options.get("cafile"))
        if self.options.get("certfile"):
            context.load_cert_chain(self.options["certfile"], self.options.get("keyfile"))
        return context


class _AwayError(PatroniError):
    """Nobody listens there: nothing was asked."""


def of_settings(urls: str, options: Mapping[str, Any]) -> Patroni:
    """Return the API that the settings name. Raises PatroniError."""
    return Patroni([url.strip() for url in urls.split(",") if url.strip()], options)


def _read(text: str) -> Any:
    """Patroni answers questions in JSON and wishes in a sentence."""
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()


def _node(row: Mapping[str, Any]) -> Node:
    role = str(row.get("role", ""))
    lag = row.get("lag")
    return Node(
        name=str(row.get("name", "")),
        role="leader" if role == "master" else role,
        state=str(row.get("state", "")),
        host=str(row.get("host", "")),
        port=int(row.get("port") or 0),
        timeline=row.get("timeline"),
        lag=lag if isinstance(lag, int) else None,
        api_url=str(row.get("api_url", "")),
        is_excluded=bool((row.get("tags") or {}).get("nofailover")),
        pending_restart=bool(row.get("pending_restart")),
    )


def _event(row: Sequence[Any]) -> Event:
    padded = [*row, *[""] * 5]
    return Event(int(padded[0]), int(padded[1]), str(padded[2]), str(padded[3]), str(padded[4]))
