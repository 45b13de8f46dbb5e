"""Schema migrations: three Alembic histories (control, shared, tenant) driven through Flask-Migrate."""
