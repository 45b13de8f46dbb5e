"""Tenants' life: created here, with role, schema, tables and domain in one transaction."""
