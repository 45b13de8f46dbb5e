"""Operators under Administration: invite, roles, in and out, and never without an administrator."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.audit.models import Operation
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.users import mails, queries, service
from dashboard.users.models import Operator
from dashboard.users.roles import Role
from tests.conftest import PASSWORD
from tests.users.conftest import Enter, Mailbox

NEW = "another long sentence"
INVITED = {"email": "Grace@Example.com", "name": "Grace", "roles": ["staff", "dba"], "tenants": ["acme"]}


def grants_of(operator: Operator) -> set[tuple[str, str | None]]:
    fresh = db.session.get_one(Operator, operator.id, populate_existing=True)
    db.session.refresh(fresh, ["grants"])
    return {(grant.role, grant.tenant_slug) for grant in fresh.grants}


def test_list_shows_people_roles_and_status(admin: FlaskClient, ada: Operator) -> None:
    page = admin.get("/admin/operators/").text
    assert ada.email in page
    assert "Staff (acme)" in page
    assert "Admin (all tenants)" in page


@pytest.mark.parametrize("role", ["staff", "manager", "dba", None])
def test_only_administrators_of_everything_see_operators(app: Flask, enter: Enter, role: str | None) -> None:
    operator = service.create_operator("other@example.com", "Other", PASSWORD, [(role, None)] if role else [])
    db.session.commit()
    browser = enter(operator)
    assert browser.get("/admin/operators/").status_code == 403
    assert browser.post("/admin/operators/invite", data=INVITED).status_code == 403
    assert browser.post(f"/admin/operators/{operator.id}/grants", data={"role": "admin"}).status_code == 403


def test_administrator_of_one_tenant_may_not_manage_operators(app: Flask, enter: Enter) -> None:
    operator = service.create_operator("boss@example.com", "Boss", PASSWORD, [("admin", "acme")])
    db.session.commit()
    assert enter(operator).get("/admin/operators/").status_code == 403


def test_invited_person_chooses_a_password_and_gets_in(
    admin: FlaskClient, client: FlaskClient, enter: Enter, mailbox: Mailbox
) -> None:
    answer = admin.post("/admin/operators/invite", data=INVITED)
    grace = queries.find_operator("grace@example.com")
    assert grace is not None
    assert answer.location == f"/admin/operators/{grace.id}"
    assert grants_of(grace) == {("staff", "acme"), ("dba", None)}
    assert grace.status == "invited"
    assert "Root has invited you to Steward" in mailbox.texts(grace.email)[0]
    client.get(mailbox.link(grace.email))
    assert "Welcome to Steward" in client.get("/set-password").text
    client.post("/set-password", data={"password": NEW, "repeated": NEW})
    assert enter(grace, NEW).get("/account/").status_code == 200


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"email": "nonsense"}, "not an e-mail address"),
        ({"email": "ada@example.com"}, "already an operator"),
        ({"name": " "}, "Enter a name."),
        ({"roles": []}, "Choose at least one role."),
        ({"roles": ["wizard"]}, "not a valid choice"),
        ({"tenants": ["nowhere"]}, "not a valid choice"),
    ],
)
def test_invitation_with_a_fault_says_where_and_keeps_the_rest(
    admin: FlaskClient, ada: Operator, change: dict[str, object], complaint: str
) -> None:
    answer = admin.post("/admin/operators/invite", data=INVITED | change)
    assert answer.status_code in {409, 422}
    assert complaint in answer.text
    assert "Grace" in answer.text or "name" in change


def test_invite_form_lists_roles_and_tenants(admin: FlaskClient) -> None:
    page = admin.get("/admin/operators/invite").text
    assert "looks after the database" in page
    assert "Globex" in page


def test_browser_asks_for_no_single_role_of_the_invite_form(admin: FlaskClient) -> None:
    """`required` on each check box would keep everybody with fewer than all roles from being invited."""
    boxes = re.findall(r'<input[^>]*name="roles"[^>]*>', admin.get("/admin/operators/invite").text)
    assert len(boxes) == len(Role)
    assert not [box for box in boxes if "required" in box]


def test_invitation_is_sent_again_with_a_new_link(admin: FlaskClient, mailbox: Mailbox) -> None:
    admin.post("/admin/operators/invite", data=INVITED)
    grace = queries.find_operator("grace@example.com")
    assert grace is not None
    assert "Send the invitation again" in admin.get(f"/admin/operators/{grace.id}").text
    assert admin.post(f"/admin/operators/{grace.id}/invite").status_code == 302
    first, second = mailbox.texts(grace.email)
    assert first != second


def test_active_operator_is_not_invited_again(admin: FlaskClient, ada: Operator) -> None:
    assert admin.post(f"/admin/operators/{ada.id}/invite").status_code == 409


def test_unsent_invitation_is_told_and_the_operator_kept(
    admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashboard.core.errors import UnavailableError  # noqa: PLC0415

    def fail(*_args: object) -> str:
        raise UnavailableError("mail", "The mail server did not take the mail.")

    monkeypatch.setattr(mails, "send_mail", fail)
    page = admin.post("/admin/operators/invite", data=INVITED, follow_redirects=True).text
    assert "did not take the mail" in page
    assert queries.find_operator("grace@example.com") is not None


def test_role_is_given_and_taken(admin: FlaskClient, ada: Operator) -> None:
    url = f"/admin/operators/{ada.id}"
    assert admin.post(f"{url}/grants", data={"role": "manager", "tenant": ""}).status_code == 302
    assert grants_of(ada) == {("staff", "acme"), ("manager", None)}
    grant = next(grant for grant in ada.grants if grant.role == "manager")
    assert admin.post(f"{url}/grants/{grant.id}/remove").status_code == 302
    assert grants_of(ada) == {("staff", "acme")}
    assert admin.post(f"{url}/grants/{grant.id}/remove").status_code == 409
    actions = db.session.scalars(select(Operation.action).order_by(Operation.id.desc()).limit(2)).all()
    assert actions == ["grant.remove", "grant.add"]


@pytest.mark.parametrize(
    ("data", "status", "complaint"),
    [
        ({"role": "dba", "tenant": "acme"}, 422, "not divided by tenant"),
        ({"role": "wizard", "tenant": ""}, 422, "Not a valid choice"),
        ({"role": "staff", "tenant": "acme"}, 409, "already has the role"),
    ],
)
def test_role_that_makes_no_sense_is_refused(
    admin: FlaskClient, ada: Operator, data: dict[str, str], status: int, complaint: str
) -> None:
    answer = admin.post(f"/admin/operators/{ada.id}/grants", data=data)
    assert answer.status_code == status
    assert complaint in answer.text


def test_operator_is_deactivated_after_a_page_that_says_what_happens(
    admin: FlaskClient, ada: Operator, enter: Enter, client: FlaskClient
) -> None:
    browser = enter(ada)
    page = admin.get(f"/admin/operators/{ada.id}/deactivate").text
    assert "Sessions that end now: 1." in page
    assert admin.post(f"/admin/operators/{ada.id}/deactivate").status_code == 302
    assert browser.get("/account/").status_code == 302
    refused = client.post("/login", data={"email": ada.email, "password": PASSWORD})
    assert refused.status_code == 401
    assert "Reactivate" in admin.get(f"/admin/operators/{ada.id}").text
    assert admin.post(f"/admin/operators/{ada.id}/reactivate").status_code == 302
    assert enter(ada)


def test_administrator_ends_a_session_of_somebody(admin: FlaskClient, ada: Operator, enter: Enter) -> None:
    browser = enter(ada)
    session_id = queries.list_sessions(ada.id)[0].id
    assert admin.post(f"/admin/operators/{ada.id}/sessions/{session_id}/revoke").status_code == 302
    assert browser.get("/account/").status_code == 302


def test_nobody_can_lock_themselves_out(admin: FlaskClient, root: Operator, ada: Operator) -> None:
    service.add_grant(ada, "admin", None)
    db.session.commit()
    url = f"/admin/operators/{root.id}"
    assert admin.post(f"{url}/deactivate").status_code == 409
    assert "You cannot deactivate yourself" in admin.get(f"{url}/deactivate").text
    refused = admin.post(f"{url}/grants/{root.grants[0].id}/remove")
    assert refused.status_code == 409
    assert "You cannot take this role from yourself" in refused.text
    assert "Give a role" in refused.text
    assert "Remove the role Admin" not in admin.get(url).text


def test_last_administrator_stays(app: Flask, root: Operator, ada: Operator) -> None:
    with pytest.raises(ConflictError, match="last administrator"):
        service.deactivate(root, by_operator_id=ada.id)
    db.session.rollback()
    with pytest.raises(ConflictError, match="last administrator"):
        service.remove_grant(root, root.grants[0].id, by_operator_id=ada.id)


def test_administrator_who_never_set_a_password_does_not_count(
    app: Flask, root: Operator, ada: Operator
) -> None:
    service.create_operator("later@example.com", "Later", None, [("admin", None)])
    with pytest.raises(ConflictError, match="last administrator"):
        service.deactivate(root, by_operator_id=ada.id)


def test_page_of_one_operator_explains_what_is_missing(admin: FlaskClient, ada: Operator) -> None:
    url = f"/admin/operators/{ada.id}?permission=records.supplier.edit&tenant=globex"
    page = admin.get(url).text
    assert "needs the role Staff or Admin for globex" in page
    assert "Ada has Staff for acme" in page
    assert admin.get("/admin/operators/999999").status_code == 404


def test_bootstrap_creates_the_first_administrator_once(app: Flask) -> None:
    password, created = service.bootstrap_admin("Boss@Example.com")
    assert created
    assert len(password) >= 20
    assert service.operator_can("boss@example.com", "admin.operators.edit")
    assert service.bootstrap_admin("second@example.com", "whatever else") == ("", False)


def test_bootstrap_takes_a_given_password(app: Flask) -> None:
    assert service.bootstrap_admin("boss@example.com", "short") == ("short", True)


def test_bootstrap_in_production_wants_a_strong_password(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = get_settings().model_copy(update={"env": "production"})
    monkeypatch.setattr(service, "get_settings", lambda: settings)
    with pytest.raises(InvalidInputError, match="too weak"):
        service.bootstrap_admin("boss@example.com", "short")


def test_jobs_can_ask_what_an_operator_may(app: Flask, ada: Operator, root: Operator) -> None:
    assert service.operator_can("ADA@example.com", "records.supplier.edit", "acme")
    assert not service.operator_can(ada.email, "records.supplier.edit", "globex")
    assert not service.operator_can("nobody@example.com", "records.supplier.edit", "acme")
    service.deactivate(ada, by_operator_id=root.id)
    assert not service.operator_can(ada.email, "records.supplier.edit", "acme")


def test_explanations_name_the_person(app: Flask, ada: Operator, root: Operator) -> None:
    assert "Ada has Staff for acme" in service.explain(ada.email, "insights.spend.view", "acme")
    assert service.explain("nobody@example.com", "x.y.z") == "nobody@example.com is not an operator."
    service.deactivate(ada, by_operator_id=root.id)
    assert service.explain(ada.email, "x.y.z") == "Ada is deactivated."


@pytest.mark.parametrize(
    "email", ["", "nonsense", "a@", "two@@example.com", "a b@example.com", "x@y\nBcc: z"]
)
def test_address_that_is_none_is_refused(app: Flask, email: str) -> None:
    with pytest.raises(InvalidInputError, match="not an e-mail address"):
        service.create_operator(email, "X", None, [])


def test_address_inside_a_company_is_fine(app: Flask) -> None:
    assert service.create_operator("Admin@steward.local", "", None, []).name == "admin"


def test_unknown_role_is_refused(app: Flask) -> None:
    with pytest.raises(InvalidInputError, match="no role wizard"):
        service.create_operator("x@example.com", "X", None, [("wizard", None)])


def test_database_refuses_the_same_role_twice(app: Flask, ada: Operator) -> None:
    from sqlalchemy.exc import IntegrityError  # noqa: PLC0415

    from dashboard.users.models import Grant  # noqa: PLC0415

    db.session.add_all([Grant(operator_id=ada.id, role="manager"), Grant(operator_id=ada.id, role="manager")])
    with pytest.raises(IntegrityError, match="uq_operator_grant_everywhere"):
        db.session.flush()
    db.session.rollback()
