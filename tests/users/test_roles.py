import pytest

from dashboard.users.roles import GrantRef, Role, explain, is_allowed, knows_tenant, matches, roles_for

PERMISSIONS = (
    "records.supplier.view",
    "records.supplier.create",
    "records.supplier.edit",
    "records.supplier.delete",
    "records.supplier.restore",
    "records.supplier.export",
    "records.supplier.history",
    "insights.spend.view",
    "database.backups.view",
    "database.backups.run",
    "admin.operators.view",
    "admin.operators.edit",
    "self.account.edit",
)
READS = {"records.supplier.view", "records.supplier.export", "records.supplier.history"}
RECORDS = {permission for permission in PERMISSIONS if permission.startswith("records.")}
OPEN = {
    Role.STAFF: RECORDS,
    Role.MANAGER: READS | {"insights.spend.view"},
    Role.DBA: {"database.backups.view", "database.backups.run"},
    Role.ADMIN: set(PERMISSIONS),
}
OF_A_TENANT = RECORDS | {"insights.spend.view"}


@pytest.mark.parametrize("permission", PERMISSIONS)
@pytest.mark.parametrize("role", Role)
def test_role_for_all_tenants_opens_exactly_its_permissions(role: Role, permission: str) -> None:
    expected = permission in OPEN[role] or permission == "self.account.edit"
    assert is_allowed([GrantRef(role)], permission, "acme") is expected


@pytest.mark.parametrize("permission", PERMISSIONS)
@pytest.mark.parametrize("role", Role)
def test_role_for_one_tenant_opens_nothing_outside_it(role: Role, permission: str) -> None:
    grants = [GrantRef(role, "acme")]
    own = permission == "self.account.edit"
    assert is_allowed(grants, permission, "acme") is (own or permission in OPEN[role] & OF_A_TENANT)
    assert is_allowed(grants, permission, "globex") is own
    assert is_allowed(grants, permission, None) is own


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_nobody_without_a_grant_may_do_more_than_care_for_the_own_account(permission: str) -> None:
    assert is_allowed([], permission, "acme") is (permission == "self.account.edit")


@pytest.mark.parametrize("permission", ["records", "records.supplier", "records.supplier.view.more", "", "*"])
def test_malformed_permission_is_open_to_nobody(permission: str) -> None:
    assert not is_allowed([GrantRef(Role.ADMIN)], permission, "acme")


def test_unknown_role_in_the_database_opens_nothing() -> None:
    assert not is_allowed([GrantRef("wizard")], "records.supplier.view", "acme")


def test_star_stands_for_one_part() -> None:
    assert matches("records.*.view", "records.supplier.view")
    assert not matches("records.*.view", "records.supplier.edit")
    assert not matches("records.*", "records.supplier.view")


def test_roles_for_a_permission_are_listed() -> None:
    assert roles_for("records.supplier.edit") == (Role.STAFF, Role.ADMIN)
    assert roles_for("database.backups.run") == (Role.DBA, Role.ADMIN)


def test_tenant_is_known_through_any_role_of_its_desks() -> None:
    assert knows_tenant([GrantRef("manager", "acme")], "acme")
    assert knows_tenant([GrantRef("staff")], "acme")
    assert not knows_tenant([GrantRef("staff", "globex")], "acme")
    assert not knows_tenant([GrantRef("dba")], "acme")


def test_explanation_names_the_missing_role_and_what_is_held() -> None:
    sentence = explain([GrantRef("manager", "globex")], "records.supplier.edit", "acme")
    assert "Staff or Admin for acme or for all tenants" in sentence
    assert "Manager for globex" in sentence
    assert "administrator" in sentence


def test_explanation_of_something_allowed_says_so() -> None:
    sentence = explain([GrantRef("staff")], "records.supplier.edit", "acme")
    assert sentence == "You have Staff for all tenants, which allows records.supplier.edit."


def test_explanation_for_the_installation_wants_a_role_for_all_tenants() -> None:
    sentence = explain([GrantRef("admin", "acme")], "database.backups.run", "acme")
    assert "DBA or Admin for all tenants" in sentence
    assert "you have no role" in explain([], "database.backups.run")
    assert "is no permission" in explain([], "nonsense")
