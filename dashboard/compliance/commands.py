"""`flask promises`: list how they stand, make a report, check the chains and files."""

from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup

from dashboard.compliance import checking, reports
from dashboard.compliance.facts import Facts
from dashboard.compliance.judging import judge_all
from dashboard.compliance.registry import State
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import DashboardError

promises = AppGroup("promises", help="The promises of the database strategy and their evidence.")


@promises.command("list")
def list_all() -> None:
    """Judge all promises now; ends with 1 when one is broken."""
    lines = judge_all(Facts(_settings()))
    for line in lines:
        click.echo(f"{line.state.value.replace('_', ' '):14}{line.title}")
        for text in (line.verdict.value, line.verdict.reason):
            click.echo(f"{'':14}  {text}") if text else None
    raise SystemExit(any(line.state is State.BROKEN for line in lines))


@promises.command("report")
@click.option("--output", type=click.Path(path_type=Path), help="Where to write the PDF.")
def report(output: Path | None) -> None:
    """Make a report, seal it behind the one before, and write its PDF."""
    try:
        row = reports.make(_settings(), actor="command line")
    except DashboardError as error:
        raise click.ClickException(f"{error.message} {error.fix}".strip()) from error
    db.session.commit()
    path = output or Path(f"promises-{row.number}.pdf")
    path.write_bytes(row.pdf)
    click.echo(f"report {row.number}: {path}, {row.sha256}")


@promises.command("verify")
@click.option("--file", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def verify(path: Path | None) -> None:
    """Follow the chains of evidence, and check that a PDF or JSON is what was exported.

    Ends with 1 when something does not hold, and names the first link that is broken.
    """
    found = checking.check_chains()
    if path:
        found.append(checking.check_file(path.read_bytes()))
    for finding in found:
        click.echo(f"{'ok' if finding.is_well else 'BROKEN':8}{finding.text}")
    raise SystemExit(not all(finding.is_well for finding in found))


def _settings() -> Settings:
    found: Settings = current_app.extensions["steward_settings"]
    return found
