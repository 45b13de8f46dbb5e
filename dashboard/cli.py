"""The `flask` commands: one line each into a service."""

import functools
import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext

from dashboard.core.db import db
from dashboard.core.errors import DashboardError
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.histories import History
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.service import create_tenant
from dashboard.users.service import bootstrap_admin

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

tenants = AppGroup("tenants", help="Create and list tenants.")
operators = AppGroup("operators", help="The people who log in.")
migration_files = AppGroup("migrations", help="Write migration files.")


def init_app(app: Flask) -> None:
    """Register every command."""
    for command in (tenants, operators, migration_files, upgrade):
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
