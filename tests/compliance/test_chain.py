"""The chain of hashes: what is changed, taken out, exchanged or cut off is named. Pure."""

import pytest

from dashboard.compliance.chain import FIRST, Sealed, canonical, digest, examine, names


def chain(length: int) -> list[Sealed]:
    links: list[Sealed] = []
    for number in range(1, length + 1):
        previous = links[-1].sha256 if links else FIRST
        content = canonical({"number": number, "previous_sha256": previous, "text": f"größer {number}"})
        links.append(Sealed(number, previous, digest(content), content))
    return links


def noted(links: list[Sealed]) -> dict[int, str]:
    return {link.number: link.sha256 for link in links}


def rewritten(link: Sealed, previous: str, text: str) -> Sealed:
    content = canonical({"number": link.number, "previous_sha256": previous, "text": text})
    return Sealed(link.number, previous, digest(content), content)


def broken(links: list[Sealed], logged: dict[int, str] | None = None) -> tuple[int, str]:
    state = examine(links, logged or {})
    assert state.broken
    assert not state.holds
    return state.broken.number, state.broken.reason


def test_canonical_text_is_the_same_for_everybody() -> None:
    assert canonical({"b": 1, "a": "é"}) == '{"a":"é","b":1}'
    with pytest.raises(ValueError, match="JSON"):
        canonical({"a": float("nan")})


def test_chain_that_is_whole_holds() -> None:
    links = chain(4)
    state = examine(links, noted(links))
    assert state.holds
    assert (state.links, state.head) == (4, links[-1].sha256)
    assert examine([], {}).head == FIRST


def test_changed_content_is_named() -> None:
    links = chain(4)
    links[1] = Sealed(2, links[1].previous_sha256, links[1].sha256, links[1].content.replace("2", "3"))
    assert broken(links) == (2, "Its content is not what was sealed: it was changed afterwards.")


def test_link_that_was_sealed_anew_is_told_by_the_next_one() -> None:
    links = chain(4)
    links[1] = rewritten(links[1], links[0].sha256, "other")
    number, reason = broken(links)
    assert number == 3
    assert "one of the two was replaced" in reason


def test_link_that_is_taken_out_is_named() -> None:
    links = chain(5)
    assert broken([links[0], *links[2:]]) == (3, "Number 2 is missing before it: the chain was cut there.")
    assert "2 to 3 are missing" in broken([links[0], *links[3:]])[1]


def test_two_links_that_change_places_are_named() -> None:
    first, second, third = chain(3)
    swapped = [
        first,
        Sealed(2, third.previous_sha256, third.sha256, third.content),
        Sealed(3, second.previous_sha256, second.sha256, second.content),
    ]
    number, reason = broken(swapped)
    assert number == 2
    assert "put elsewhere" in reason


def test_cut_off_end_and_rewritten_end_are_told_by_the_log_of_operations() -> None:
    links = chain(4)
    assert examine(links[:3], {}).holds  # the chain alone cannot know
    number, reason = broken(links[:3], noted(links))
    assert number == 4
    assert "the end was cut off" in reason
    anew = [*links[:3], rewritten(links[3], links[2].sha256, "other")]
    assert broken(anew, noted(links))[1].startswith("The log of operations noted another hash")


def test_content_that_is_no_object_names_nothing() -> None:
    assert not names("[]", FIRST)
    assert not names("nonsense", FIRST)
