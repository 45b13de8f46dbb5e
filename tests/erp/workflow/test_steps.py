"""A step locks the row, asks its guards, writes once, and says what is missing."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError
from dashboard.erp.workflow.service import find_step, transition
from tests.erp.sourcing import making


def history(session: Session, table: str, record_id: int) -> int:
    query = text("SELECT count(*) FROM row_history WHERE table_name = :t AND record_id = :r")
    return int(session.scalar(query, {"t": table, "r": record_id}))


def test_a_step_leaves_one_entry_in_the_history(tenant: Session) -> None:
    rfq = making.draft(tenant)
    before = history(tenant, "rfq", rfq.id)
    transition(tenant, rfq, "send")
    assert history(tenant, "rfq", rfq.id) == before + 1
    assert rfq.status == "sent"


def test_a_stale_version_is_refused_and_nothing_is_written(tenant: Session) -> None:
    rfq = making.draft(tenant)
    with pytest.raises(ConflictError, match="was changed by"):
        transition(tenant, rfq, "send", version=rfq.version + 1)
    assert rfq.status == "draft"


def test_a_step_from_another_state_is_refused_by_name(tenant: Session) -> None:
    rfq = making.draft(tenant)
    with pytest.raises(ConflictError, match=r"“Close” starts from awarded"):
        transition(tenant, rfq, "close")


def test_a_failed_guard_is_named_with_what_to_do(tenant: Session) -> None:
    rfq = making.draft(tenant, lines=0)
    with pytest.raises(InvalidInputError) as refused:
        transition(tenant, rfq, "send")
    assert "At least one line" in refused.value.message
    assert "Add a line" in refused.value.fix


def test_every_failed_guard_is_named_at_once(tenant: Session) -> None:
    rfq = making.draft(tenant, lines=0, suppliers=0, deadline=None)
    with pytest.raises(InvalidInputError) as refused:
        transition(tenant, rfq, "send")
    for name in ("At least one line", "At least two invitations", "Deadline ahead"):
        assert name in refused.value.message


def test_a_required_field_left_out_is_named(tenant: Session) -> None:
    rfq = making.draft(tenant)
    with pytest.raises(InvalidInputError) as refused:
        transition(tenant, rfq, "cancel", cancel_reason="  ")
    assert refused.value.fields == {"cancel_reason": "Reason: This is required."}
    assert rfq.status == "draft"


def test_a_deleted_record_does_not_move(tenant: Session) -> None:
    rfq = making.draft(tenant)
    rfq.deleted_at = making.soon()
    tenant.flush()
    with pytest.raises(ConflictError, match="deleted"):
        transition(tenant, rfq, "send")


def test_an_unknown_step_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        find_step("rfq", "explode")
