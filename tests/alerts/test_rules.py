"""The file of rules: complete, clear when wrong, and quick enough."""

from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from dashboard.alerts import runbooks, service
from dashboard.alerts.registry import Watch, all_conditions, condition
from dashboard.alerts.rules import RulesError, check, load
from dashboard.backups import alerting, dials
from dashboard.core.db import db
from dashboard.settings.models import Setting

GOOD = {
    "key": '"a.b"',
    "title": '"Title"',
    "severity": '"warning"',
    "breach": '"more than {limit}"',
    "means": '"This."',
    "fix": '"Do that."',
    "runbook": '"alerts.md"',
    "page": '"health.page"',
}
# They are judged by what is read once a minute; Barman's own checks take seconds of processor time. What all
# schemas consist of is read once an hour.
SLOWER = {
    "alerts.deadman_unheard": 130,  # one missed ping a minute is none yet
    "backups.repository_away": 75,
    "promises.chain_broken": 925,  # chains are followed every quarter of an hour
    "backups.checks_failing": 195,
    "insights.target_missed": 910,  # figures of a month are read every quarter of an hour
    "schema_migrations.behind": 70,
    "schema_migrations.drift": 3610,
    "tenants.isolation_hole": 910,
    "health.cache_hit_bad": 140,
    "health.cache_hit_low": 320,
    "health.bloat": 21_610,  # measured every six hours
    "health.sequence_used": 910,
    "health.index_invalid": 70,
    "health.certificate_ending": 3610,
    "health.certificate_nearly_over": 3610,
    "statements.slower": 70,
    "statements.forgotten": 70,
}


def written(folder: Path, *rules: dict[str, str]) -> Path:
    path = folder / "rules.toml"
    lines = [["[[rule]]", *(f"{key} = {value}" for key, value in rule.items())] for rule in rules]
    path.write_text("\n".join(line for rule in lines for line in rule), encoding="utf-8")
    return path


def test_every_rule_has_its_condition_and_every_condition_its_rule(app: Flask) -> None:
    assert set(load()) == set(all_conditions())
    assert len(load()) >= 20


@pytest.mark.parametrize("key", load())
def test_rule_is_seen_within_a_minute(app: Flask, key: str) -> None:
    """From breaking to firing at most: the probe's interval, the judge's, and how long it must last."""
    with app.app_context():
        assert service.seen_within(load()[key]) <= SLOWER.get(key, 60)


@pytest.mark.parametrize("key", load())
def test_rule_leads_to_a_page_and_a_runbook(app: Flask, key: str) -> None:
    rule = load()[key]
    assert rule.page in app.view_functions
    assert len(runbooks.read(rule.runbook)) > 100


@pytest.mark.parametrize("key", load())
def test_rule_says_what_a_breach_is(app: Flask, key: str) -> None:
    with app.app_context():
        text = load()[key].watched()
    assert "{" not in text
    assert text == text.strip()


def test_limits_are_written_in_their_unit(app: Flask) -> None:
    with app.app_context():
        found = {key: rule.watched() for key, rule in load().items()}
    assert found["health.disk_nearly_full"] == "at least 90\N{NO-BREAK SPACE}% of the disk is used"
    assert found["backups.archive_queue_long"] == "at least 16 files wait"
    assert "within 8 days" in found["drills.overdue"]
    assert "more than 3 h" in found["backups.too_old"].replace("\N{NO-BREAK SPACE}", " ")


def test_limit_of_the_business_is_the_one_that_counts(app: Flask) -> None:
    db.session.add(Setting(key="drills.every_days", value=1))
    db.session.flush()
    assert load()["drills.overdue"].threshold() == 1
    assert "within 1 day" in load()["drills.overdue"].watched()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fix": '" "'}, "rule a.b: fix is missing or empty"),
        ({"title": None, "means": None}, "rule a.b: title, means is missing or empty"),
        ({"key": None}, "rule number 1: key is missing"),
        ({"severity": '"fatal"'}, "rule a.b: severity is critical or warning"),
        ({"for_seconds": '"soon"'}, "rule a.b: for_seconds is a whole number"),
        ({"clear_seconds": "-1"}, "rule a.b: clear_seconds is a whole number"),
        ({"unit": '"miles"'}, "rule a.b: there is no unit miles"),
        ({"fixx": '"typo"'}, "rule a.b: nothing is called fixx here"),
    ],
)
def test_wrong_rule_is_named_with_what_it_lacks(
    tmp_path: Path, change: dict[str, str | None], words: str
) -> None:
    changed = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(RulesError, match=words):
        load(written(tmp_path, changed))


def test_rule_written_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"rule a\.b is there twice"):
        load(written(tmp_path, GOOD, GOOD))


@pytest.mark.parametrize("content", ["[[rule", None])
def test_file_that_cannot_be_read_is_said(tmp_path: Path, content: str | None) -> None:
    if content:
        (tmp_path / "rules.toml").write_text(content)
    with pytest.raises(RulesError, match=r"rules\.toml cannot be read"):
        load(tmp_path / "rules.toml")


def test_rule_and_condition_need_each_other(tmp_path: Path) -> None:
    rules = load(written(tmp_path, GOOD))
    check(rules, {"a.b"})
    with pytest.raises(RulesError, match=r"no feature declares the condition of a\.b"):
        check(rules, set())
    with pytest.raises(RulesError, match=r"conditions without a rule in rules\.toml: c\.d"):
        check(rules, {"a.b", "c.d"})


def test_condition_is_declared_once() -> None:
    def another(_watch: Watch) -> list[object]:
        return []

    with pytest.raises(ValueError, match=r"backups\.wal_gap is declared twice"):
        condition("backups.wal_gap", every=10)(another)  # type: ignore[arg-type]


def test_runbook_is_read_up_to_the_next_heading(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "# All\n\nintro\n\n## One thing\n\nfirst\n\n### Deeper\n\nmore\n\n## Two\n\nx"
    )
    assert runbooks.read("a.md#one-thing", tmp_path) == "first\n\n### Deeper\n\nmore"
    assert runbooks.read("a.md", tmp_path).startswith("# All")
    assert runbooks.read("a.md#three", tmp_path) == ""
    assert runbooks.read("b.md#one-thing", tmp_path) == ""


def test_runbook_is_laid_out_as_lists_and_paragraphs() -> None:
    text = "First\nand on.\n\n1. Do `x < y`\n   slowly.\n2. *Then* rest.\n\n- one\n- two\n\n### Last"
    found = runbooks.blocks(text)
    assert [(block.kind, [str(line) for line in block.lines]) for block in found] == [
        ("p", ["First and on."]),
        ("ol", ["Do <code>x &lt; y</code> slowly.", "<em>Then</em> rest."]),
        ("ul", ["one", "two"]),
        ("p", ["Last"]),
    ]


def test_what_burns_fast_is_the_same_as_on_the_dials(app: Flask) -> None:
    assert load()["backups.rpo_burning"].limit == dials.BURN_FROM_SECONDS
    assert alerting.FAST_PACE == dials.BURN_FROM_RATE


def test_rule_is_a_value() -> None:
    rule = load()["backups.archive_queue_long"]
    assert replace(rule, limit=3).limit == 3
    assert rule.limit == 16
