"""The `flask` commands: one line each into a service."""

import click
from flask import Flask
from flask.cli import AppGroup

from dashboard.schema_migrations import service as migrations
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.service import create_tenant

tenants = AppGroup("tenants", help="Create and list tenants.")


def init_app(app: Flask) -> None:
    """Register every command."""
    app.cli.add_command(tenants)
    app.cli.add_command(upgrade)


@click.command("upgrade")
def upgrade() -> None:
    """Migrate the control database, the shared tables and every tenant."""
    migrations.upgrade_all(click.echo)


@tenants.command("create")
@click.argument("name")
@click.option("--slug", default="", help="Short name in addresses; made from the name when left out.")
@click.option("--domain", default="", help="Primary host name; <slug>.localhost when left out.")
def create(name: str, slug: str, domain: str) -> None:
    """Create a tenant with role, schema and tables."""
    tenant = create_tenant(name, slug, domain=domain, actor="command line")
    click.echo(f"created {tenant.slug}: schema {tenant.schema}, role {tenant.role}")


@tenants.command("list")
def list_all() -> None:
    """List the tenants."""
    for tenant in tenancy.list_tenants():
        click.echo(f"{tenant.slug:24} {tenant.status:10} {tenant.schema:32} {tenant.name}")
