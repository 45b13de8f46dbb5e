import pytest

from dashboard.users import passwords

GOOD = "a rather long sentence"


@pytest.mark.parametrize(
    ("password", "complaint"),
    [
        ("elevenchars", "at least 12"),
        ("x" * 257, "at most 256"),
        ("password1234", "first that are guessed"),
        ("Password1234", "first that are guessed"),
        ("aaaaaaaaaaaaaaaa", "first that are guessed"),
        ("abababababababab", "first that are guessed"),
        ("ada.lovelace@example.com", "e-mail address"),
        ("my-ada.lovelace-1", "e-mail address"),
    ],
)
def test_weak_password_is_refused_with_its_reason(password: str, complaint: str) -> None:
    assert complaint in passwords.find_weakness(password, "ada.lovelace@example.com")


@pytest.mark.parametrize(
    "password", [GOOD, "twelve-chars", "пароль на кириллице", "correct horse battery staple"]
)
def test_good_password_is_accepted(password: str) -> None:
    assert passwords.find_weakness(password, "ada.lovelace@example.com") == ""


def test_hash_is_argon2id_and_salted() -> None:
    first, second = passwords.hash_password(GOOD), passwords.hash_password(GOOD)
    assert first.startswith("$argon2id$")
    assert first != second


def test_only_the_right_password_fits() -> None:
    stored = passwords.hash_password(GOOD)
    assert passwords.verify_password(stored, GOOD)
    assert not passwords.verify_password(stored, GOOD + " ")


@pytest.mark.parametrize("stored", [None, "", "not a hash"])
def test_nothing_fits_a_missing_or_broken_hash(stored: str | None) -> None:
    assert not passwords.verify_password(stored, GOOD)


def test_hash_of_the_product_costs_what_rfc_9106_asks() -> None:
    assert "$m=65536,t=3,p=4$" in passwords._NOBODY


def test_weaker_hash_wants_renewal() -> None:
    weak = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$0vUEPBQzBUM8ZwQq0Q5FYw"
    assert passwords.needs_new_hash(weak)
    assert not passwords.needs_new_hash(passwords.hash_password(GOOD))


def test_generated_password_is_strong() -> None:
    generated = passwords.generate_password()
    assert passwords.find_weakness(generated, "ada@example.com") == ""
    assert generated != passwords.generate_password()
