"""Owns the results as pages show them: groups by entity, the group with the best hit first."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup

from dashboard.records import registry
from dashboard.search.marking import contains, excerpt, mark
from dashboard.search.queries import ALIKE, Hit, Wanted


@dataclass(frozen=True)
class Result:
    """A line of the results. `title` and `detail` are markup with the words marked."""

    title: Markup
    detail: Markup
    status: str
    url: str


@dataclass(frozen=True)
class Group:
    """The results of one entity; `more_url` is its list with the same search."""

    entity: str
    title: str
    icon: str
    more_url: str
    results: list[Result]
    alike: bool


def arrange(hits: Sequence[Hit], wanted: Wanted, limit: int) -> list[Group]:
    """Group hits by entity; a record found twice (by itself and by a contact) is shown once."""
    by_entity: dict[str, list[Hit]] = {}
    for hit in sorted(hits, key=_order):
        by_entity.setdefault(hit.entity, []).append(hit)
    return [_group(entity, found, wanted, limit) for entity, found in by_entity.items()]


def _order(hit: Hit) -> tuple[int, float]:
    return hit.rank, -hit.score


def _group(entity: str, hits: Sequence[Hit], wanted: Wanted, limit: int) -> Group:
    spec = registry.by_entity()[entity].spec
    once = {hit.record_id: hit for hit in reversed(hits)}
    shown = sorted(once.values(), key=_order)[:limit]
    more = f"{spec.url('index_view')}?{urlencode({'q': wanted.text})}" if spec.search_keys else ""
    return Group(
        entity,
        spec.title,
        registry.by_entity()[entity].icon,
        more,
        [_result(hit, wanted) for hit in shown],
        all(hit.rank == ALIKE for hit in shown),
    )


def _result(hit: Hit, wanted: Wanted) -> Result:
    spec = registry.by_entity()[hit.entity].spec
    is_part = hit.source != hit.entity
    title = hit.partner if is_part and hit.partner else hit.label or f"{spec.singular} #{hit.record_id}"
    texts = [text for text in hit.texts.values() if text != title]
    telling = [text for text in texts if len(text) <= 60 or contains(text, wanted.words)]
    details = [excerpt(text, wanted.words) for text in telling]
    details += [hit.partner] if hit.partner and not is_part else []
    detail = Markup(" · ").join(mark(text, wanted.words) for text in details)
    status = (
        spec.columns["status"].choice_label(hit.status) if hit.status and "status" in spec.columns else ""
    )
    return Result(
        mark(excerpt(title, wanted.words), wanted.words),
        detail,
        status,
        spec.url("details_view", id=hit.record_id),
    )
