"""The pages of planted and live records open, and show what there is to do."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.erp.demo.test_cases import Demo, rows_of

PAGES = {
    "live: draft request": ("rfq", "", "Fasteners for the spring series"),
    "live: open request": ("rfq", "", "Housings, second half-year"),
    "live: sealed": ("rfq", "/compare", "No price can be read before the opening"),
    "live: request past": ("rfq", "/compare", "JPY"),
    "live: awarded request": ("rfq", "", "Packaging films"),
    "live: order waiting": ("purchase_order", "", "Approve"),
    "live: order half": ("purchase_order", "", "Receive"),
    "live: invoice dearer": ("supplier_invoice", "", "ordered at"),
    "request of 400 lines": ("rfq", "/compare", "Line 400|400"),
    "duplicate supplier: same tax id, another": ("supplier", "", "S-000004"),
}


@pytest.mark.parametrize("case", PAGES)
def test_the_page_of_a_case_opens(login: Callable[..., FlaskClient], demo: Demo, case: str) -> None:
    entity, part, words = PAGES[case]
    staff = login("staff", tenant=demo[0].slug)
    address = f"/t/{demo[0].slug}/records/{entity}/{rows_of(demo, case)[0]}{part}"
    page = staff.get(address, follow_redirects=True)
    shown = page.get_data(as_text=True)
    assert page.status_code == 200
    assert any(word in shown for word in words.split("|")), shown[:4000]
