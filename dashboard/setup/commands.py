"""`flask cluster …`: connect to a cluster that is there already. Exit codes: 0 well, 1 something is wrong."""

import sys

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from dashboard.core.config import Settings
from dashboard.health.connection import ProbeError
from dashboard.setup import checking, discovering

cluster = AppGroup("cluster", help="Connect to a cluster that is there already.")
MARKS = {checking.OK: "ok     ", checking.WARNING: "warning", checking.WRONG: "WRONG  "}


def _settings() -> Settings:
    found: Settings = current_app.extensions["steward_settings"]
    return found


@cluster.command("check")
@with_appcontext
def check() -> None:
    """Ask every part the settings name and say what is wrong with it. Changes nothing."""
    wrong = 0
    for line in checking.check(_settings()):
        click.echo(f"{MARKS[line.state]}  {line.part:<18}{line.text}")
        if line.fix:
            click.echo(f"{'':<27}{line.fix}")
        wrong += line.state == checking.WRONG
    click.echo(f"{wrong} wrong." if wrong else "Everything that was asked is as it should be.")
    sys.exit(1 if wrong else 0)


@cluster.command("discover")
@with_appcontext
def discover() -> None:
    """Print DATABASE_STANDBYS for who streams from the primary now, with the monitor's password."""
    settings = _settings()
    try:
        found = discovering.discover(settings.database_monitor_url)
    except ProbeError as error:
        raise click.ClickException(f"The primary does not answer: {error}") from error
    for one in found.receivers:
        click.echo(f"# {one.name} receives WAL too, by the slot {one.slot or 'none'}", err=True)
    for one in found.standbys:
        if not one.slot:
            click.echo(f"# {one.name} has no slot: the primary may remove WAL it still needs", err=True)
    click.echo("# Fill in what is a question mark, and check each port.", err=True)
    click.echo(discovering.entries(found.standbys, settings.database_monitor_url))
