"""Goes through the import wizard as a person does."""

import re
from io import BytesIO
from typing import Any

from flask.testing import FlaskClient

from dashboard.core.db import db
from dashboard.imports.models import ImportRun
from dashboard.jobs.runner import perform
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.scope import use_tenant

BASE = "/t/acme/records/imports"


class Wizard:
    """One browser on its way through the wizard."""

    def __init__(self, browser: FlaskClient) -> None:
        self.browser = browser
        self.id = 0

    def upload(self, entity: str, content: bytes | str, name: str = "file.csv") -> Any:
        """Send a file; the answer is the page of its columns, or the refusal."""
        body = content.encode() if isinstance(content, str) else content
        data = {"file": (BytesIO(body), name)}
        answer = self.browser.post(f"{BASE}/new/{entity}", data=data, content_type="multipart/form-data")
        if answer.status_code == 302:
            self.id = int(answer.headers["Location"].split("/")[-2])
            return self.browser.get(answer.headers["Location"])
        return answer

    def form(self) -> dict[str, str]:
        """What the page of the columns would post as it stands."""
        page = self.browser.get(f"{BASE}/{self.id}/columns").get_data(as_text=True)
        found: dict[str, str] = {}
        for name, body in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
            options = re.findall(r'<option value="([^"]*)"\s*(selected)?', body)
            chosen = [value for value, mark in options if mark]
            found[name] = chosen[0] if chosen else options[0][0] if options else ""
        for tag in re.findall(r"<input[^>]*>", page):
            named = re.search(r'name="([^"]+)"', tag)
            value = re.search(r'value="([^"]*)"', tag)
            if named and named[1] != "csrf_token":
                found[named[1]] = value[1] if value else ""
        return found

    def check(self, **changes: str) -> Any:
        """Choose what the columns mean, try it out, and wait for the page that says what would happen."""
        data = (
            self.form()
            | {key.replace("__", "-"): value for key, value in changes.items()}
            | {"action": "check"}
        )
        answer = self.browser.post(f"{BASE}/{self.id}/columns", data=data)
        return self._after(answer)

    def load(self) -> Any:
        """Load it."""
        return self._after(self.browser.post(f"{BASE}/{self.id}/load"))

    def _after(self, answer: Any) -> Any:
        if answer.status_code != 302:
            return answer
        perform(str(self.run().run_id))
        return self.browser.get(f"{BASE}/{self.id}")

    def run(self) -> ImportRun:
        """The import as stored."""
        with use_tenant(tenancy.get_tenant("acme"), actor="tester@example.com") as session:
            found = session.get_one(ImportRun, self.id)
            session.expunge(found)
        return found

    def undo(self) -> Any:
        """Undo it on the page of changes."""
        return self.browser.post(f"/t/acme/records/changes/{self.run().change_set_id}/undo")


def text(answer: Any) -> str:
    """The page of an answer."""
    page: str = answer.get_data(as_text=True)
    return page


def session_of(name: str = "acme") -> Any:
    """A session inside a tenant."""
    return use_tenant(tenancy.get_tenant(name), actor="tester@example.com")


def forget() -> None:
    """End the request session."""
    db.session.remove()
