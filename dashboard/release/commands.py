"""`flask release …`: what `make release` calls. Exit codes: 0 done, 1 stopped, 2 wrong usage."""

import sys

import click
from flask import current_app
from flask.cli import AppGroup

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import DashboardError
from dashboard.release import running, smoke
from dashboard.release.pending import read_pending
from dashboard.release.wishes import ReleaseStoppedError, Wishes
from dashboard.schema_migrations.fleet.approving import Options
from dashboard.schema_migrations.fleet.forms import shares_of
from dashboard.schema_migrations.fleet.running import MAX_WORKERS
from dashboard.tenants.maintenance import service as maintenance

release = AppGroup("release", help="Release the code on this disk: backup, migrations, restart, smoke tests.")
actor_option = click.option("--actor", default="command line", help="Who does it, for the record.")
url_option = click.option("--url", default="", help="The product's address; STEWARD_BASE_URL if left out.")


def _settings() -> Settings:
    found: Settings = current_app.extensions["steward_settings"]
    return found


@release.command("run")
@click.option("--approve", default="", help="The hash of the tenants' plan (8 characters or more).")
@click.option("--note", default="", help="Why a plan with dangerous findings may run.")
@click.option("--announce", default="", help="What people are told on every page until the end.")
@click.option("--read-only", is_flag=True, help="Nobody can save while it is announced.")
@click.option("--skip-backup", default="", help="Why there is no backup first; stays on record.")
@click.option("--no-restart", is_flag=True, help="Restart nothing; you do it yourself.")
@click.option("--canary", default="", help="The tenant that is changed first; the smallest if left out.")
@click.option("--waves", default="5,25,100", show_default=True, help="Per cent of the fleet by wave.")
@click.option("--workers", default=3, show_default=True, type=click.IntRange(1, MAX_WORKERS))
@url_option
@actor_option
def run_command(
    approve: str, note: str, announce: str, skip_backup: str, url: str, actor: str, **how: object
) -> None:
    """Back up, migrate, restart, test; stop at the first step that fails and say which way leads back."""
    wishes = Wishes(
        actor=actor,
        approve=approve,
        note=note,
        announce=announce,
        read_only=bool(how["read_only"]),
        skip_backup=skip_backup,
        restarts=not how["no_restart"],
        base_url=url,
        fleet=_options(how),
        ask=_ask if sys.stdin.isatty() else None,
    )
    try:
        running.release(_settings(), wishes, click.echo)
    except ReleaseStoppedError as stopped:
        click.echo(f"\n{stopped.message}", err=True)
        for line in stopped.way_back:
            click.echo(f"- {line}", err=True)
        sys.exit(1)


def _options(how: dict[str, object]) -> Options:
    try:
        return Options(str(how["canary"]), shares_of(str(how["waves"])), int(str(how["workers"])))
    except (DashboardError, ValueError) as error:
        raise click.UsageError(str(error)) from error


def _ask(question: str) -> str:
    return str(click.prompt(question))


@release.command("check")
def check_command() -> None:
    """Say what a release would migrate. Exit code 1 when there is anything."""
    pending = read_pending()
    click.echo(pending.words())
    sys.exit(1 if pending.control or pending.touches_erp else 0)


@release.command("smoke")
@url_option
@actor_option
def smoke_command(url: str, actor: str) -> None:
    """Test the running product: answers, login, every desk, every tenant's head, a read per tenant."""
    try:
        found = smoke.run_all(_settings(), click.echo, actor=actor, base_url=url)
    except DashboardError as error:
        raise click.ClickException(error.message) from error
    click.echo(f"{len(found)} smoke tests passed")


@release.command("end-announcement")
@click.argument("announcement", type=int)
@actor_option
def end_command(announcement: int, actor: str) -> None:
    """End what a release that stopped has announced."""
    try:
        maintenance.end(announcement, actor=actor)
    except DashboardError as error:
        raise click.ClickException(error.message) from error
    db.session.commit()
    click.echo("The announcement is over.")
