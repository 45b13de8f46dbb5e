"""Page objects: the few things a journey does on a page, in the words of a person."""

from urllib.parse import urlparse

from playwright.sync_api import Locator, Page, expect


class LoginPage:
    """Where everybody starts."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base

    def enter(self, email: str, password: str) -> "Frame":
        """Log in and arrive somewhere else."""
        self.page.goto(f"{self.base}/login")
        self.page.get_by_label("E-mail").fill(email)
        self.page.locator("input[type=password]").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(lambda url: urlparse(url).path != "/login")
        return Frame(self.page)


class Frame:
    """What is around every page: menu, tenant, account, theme, help."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def theme(self) -> str:
        """Give the theme that is painted: light or dark."""
        return str(self.page.evaluate("document.documentElement.dataset.bsTheme"))

    @property
    def tenant(self) -> Locator:
        """Give the button that names the tenant."""
        return self.page.locator(".tenant-button")

    @property
    def menu(self) -> Locator:
        """Give the sidebar."""
        return self.page.locator("#sidebar")

    def choose_theme(self, name: str) -> None:
        """Pick Light, Dark or Auto in the account menu."""
        self.page.locator(".user-button").click()
        self.page.get_by_role("button", name=name, exact=True).click()

    def switch_tenant(self, name: str) -> None:
        """Pick another tenant in the top bar."""
        self.tenant.click()
        self.page.locator(".tenant-menu").get_by_role("link", name=name).click()
        expect(self.tenant).to_contain_text(name)

    def log_out(self) -> None:
        """Leave through the account menu."""
        self.page.locator(".user-button").click()
        self.page.get_by_role("button", name="Log out").click()
        self.page.wait_for_url("**/login**")
