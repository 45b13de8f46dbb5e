import pytest

from dashboard.users.redirects import own_path


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "http:evil.example",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/a\\b",
        "javascript:alert(1)",
        "/\tevil",
        "/\n/evil.example",
        "/\x7f",
        "evil.example",
        "@evil.example",
        " /home",
        "",
        None,
        "//[bad",
    ],
)
def test_foreign_target_becomes_the_start_page(target: str | None) -> None:
    assert own_path(target) == "/"


@pytest.mark.parametrize("target", ["/", "/t/acme/records/supplier/", "/database/?q=a//b&x=http://c", "/a:b"])
def test_own_path_is_kept(target: str) -> None:
    assert own_path(target) == target
