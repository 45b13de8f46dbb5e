"""The `flask` commands: one line each into a service."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext

from dashboard.core.db import db
from dashboard.core.errors import DashboardError
from dashboard.erp.demo import service as demo_data
from dashboard.erp.legacy.service import import_legacy
from dashboard.release.commands import release
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.fleet.commands import fleet
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.merging import merge_heads
from dashboard.setup.commands import cluster
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.service import create_tenant, slug_of
from dashboard.users.service import bootstrap_admin

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# Name and share of the profile's rows: one tenant of the full size, one small.
DEMO_TENANTS = {"Aurora Components": 1.0, "Borealis Trading": 0.2}

tenants = AppGroup("tenants", help="Create and list tenants.")
operators = AppGroup("operators", help="The people who log in.")
demo = AppGroup("demo", help="Demo data.")
migration_files = AppGroup("migrations", help="Write migration files.")


def init_app(app: Flask) -> None:
    """Register every command."""
    groups = (tenants, operators, migration_files, cluster, fleet, release, demo)
    for command in (*groups, upgrade, legacy_import):
        app.cli.add_command(command)


def plainly(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Tell an expected error in a sentence instead of a stack trace."""

    @functools.wraps(command)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return command(*args, **kwargs)
        except DashboardError as error:
            raise click.ClickException(" ".join(filter(None, (error.message, error.fix)))) from error

    return run


@click.command("upgrade")
@with_appcontext
@plainly
def upgrade() -> None:
    """Migrate the control database, the shared tables and every tenant."""
    migrations.upgrade_all(click.echo)


@migration_files.command("new")
@click.argument("history", type=click.Choice([history.value for history in History]))
@click.argument("message")
@plainly
def new_migration(history: str, message: str) -> None:
    """Write a migration from the difference between models and database."""
    click.echo(migrations.write_revision(History(history), message))


@migration_files.command("merge")
@click.argument("history", type=click.Choice([history.value for history in History]))
@plainly
def merge_migrations(history: str) -> None:
    """Write the revision that joins two heads."""
    click.echo(merge_heads(History(history)))


@operators.command("bootstrap")
@plainly
def bootstrap() -> None:
    """Create the first administrator (STEWARD_ADMIN_EMAIL, STEWARD_ADMIN_PASSWORD) if there is nobody."""
    email = os.environ.get("STEWARD_ADMIN_EMAIL", "admin@example.com")
    password, is_new = bootstrap_admin(email, os.environ.get("STEWARD_ADMIN_PASSWORD") or None)
    db.session.commit()
    click.echo(f"created {email} with password {password}" if is_new else "there are operators already")


@tenants.command("create")
@click.argument("name")
@click.option("--slug", default="", help="Short name in addresses; made from the name when left out.")
@click.option("--domain", default="", help="Primary host name; <slug>.localhost when left out.")
@plainly
def create(name: str, slug: str, domain: str) -> None:
    """Create a tenant with role, schema and tables."""
    tenant = create_tenant(name, slug, domain=domain, actor="command line")
    click.echo(f"created {tenant.slug}: schema {tenant.schema}, role {tenant.role}")


@tenants.command("list")
@plainly
def list_all() -> None:
    """List the tenants."""
    for tenant in tenancy.list_tenants():
        click.echo(f"{tenant.slug:24} {tenant.status:10} {tenant.schema:32} {tenant.name}")


@demo.command("load")
@click.argument("profile", type=click.Choice(["small", "demo", "full"]))
@click.option("--hashes", is_flag=True, help="Print rows and SHA-256 of each table.")
@plainly
def load_demo(profile: str, *, hashes: bool) -> None:
    """Load the demo data into two tenants of different size, which are created when missing."""
    for name, scale in DEMO_TENANTS.items():
        known = {tenant.name: tenant for tenant in tenancy.list_tenants()}
        tenant = known.get(name) or create_tenant(name, slug_of(name.split()[0]), actor="demo data")
        lines = demo_data.load(tenant, profile, scale).lines()
        click.echo("\n".join(lines if hashes else lines[:1]))


@click.command("legacy-import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tenant", "slug", required=True, help="Short name of the tenant that receives the data.")
@click.option("--organization", default="", help="Name of the organization that will own it.")
@click.option("--dry-run", is_flag=True, help="Check and report only.")
@with_appcontext
@plainly
def legacy_import(file: Path, slug: str, organization: str, *, dry_run: bool) -> None:
    """Import the sourcing agent's Django dumpdata JSON or SQLite file."""
    report = import_legacy(file, tenancy.get_tenant(slug), organization, dry_run=dry_run)
    for line in report.lines():
        click.echo(line)
