"""The frame around the pages: login, theme, keyboard, tenant, narrow screens, errors."""

from collections.abc import Callable

from flask import Flask
from playwright.sync_api import Page, expect

from dashboard.jobs import service
from dashboard.tenancy.models import TenantRef
from tests.e2e.conftest import NARROW
from tests.e2e.places import Frame
from tests.e2e.watching import assert_accessible, assert_no_horizontal_scroll

Enter = Callable[..., Frame]


def test_a_visitor_is_led_to_a_login_page_everyone_can_use(page: Page, live_server: str) -> None:
    page.goto(live_server)
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    assert_accessible(page)


def test_a_wrong_password_says_so_and_keeps_the_address(page: Page, live_server: str) -> None:
    for status in (401, 422):
        page.complaints.expect_status(status)  # type: ignore[attr-defined]
    page.goto(f"{live_server}/login")
    page.get_by_label("E-mail").fill("nobody@example.com")
    page.locator("input[type=password]").fill("not the password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_label("E-mail")).to_have_value("nobody@example.com")
    assert_accessible(page)


def test_the_theme_changes_at_once_and_stays_after_a_reload(enter: Enter) -> None:
    frame = enter("admin", theme="light")
    assert frame.theme == "light"
    frame.choose_theme("Dark")
    assert frame.theme == "dark"
    frame.page.reload()
    assert frame.theme == "dark"
    frame.choose_theme("Auto")
    assert frame.theme == "light"


def test_the_tenant_is_named_and_can_be_switched(enter: Enter, filled_tenant: TenantRef) -> None:
    frame = enter("admin")
    expect(frame.tenant).to_contain_text(filled_tenant.name)
    frame.switch_tenant("Globex")
    frame.page.reload()
    expect(frame.tenant).to_contain_text("Globex")


def test_the_keyboard_help_opens_with_a_question_mark_and_closes_with_escape(enter: Enter) -> None:
    page = enter("admin").page
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()


def test_the_first_tab_stop_skips_to_the_content(enter: Enter) -> None:
    page = enter("admin").page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_on_a_narrow_screen_the_menu_slides_in_and_leads_on(enter: Enter) -> None:
    frame = enter("admin", size=NARROW)
    expect(frame.menu).to_be_hidden()
    frame.page.get_by_role("button", name="Open the menu").click()
    expect(frame.menu).to_be_visible()
    assert_accessible(frame.page)
    assert_no_horizontal_scroll(frame.page)
    frame.page.get_by_role("button", name="Close the menu").click()
    expect(frame.menu).to_be_hidden()


def test_a_page_that_does_not_exist_says_what_to_do(enter: Enter, live_server: str) -> None:
    page = enter("admin").page
    page.complaints.expect_status(404)  # type: ignore[attr-defined]
    page.goto(f"{live_server}/no-such-page")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("What to do")).to_be_visible()
    assert_accessible(page)


def test_logging_out_ends_at_the_login_page(enter: Enter) -> None:
    frame = enter("admin")
    frame.log_out()
    frame.page.go_back()
    frame.page.reload()
    expect(frame.page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_button_held_down_while_its_part_is_renewed_is_still_clicked(
    app: Flask, enter: Enter, live_server: str
) -> None:
    with app.app_context():
        run = service.enqueue("backups.copy_daily", {}, actor="tester")  # no worker takes it here
    page = enter("admin").page
    page.goto(f"{live_server}/database/jobs/{run.id}")
    button = page.get_by_role("button", name="Cancel this run")
    button.hover()
    page.mouse.down()
    page.wait_for_timeout(2_500)  # the part asks for itself each second
    page.mouse.up()
    expect(page.get_by_text("Cancelled").first).to_be_visible()
    expect(button).to_be_hidden()
    assert_accessible(page)
