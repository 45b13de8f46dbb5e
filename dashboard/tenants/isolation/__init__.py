"""Tries to break out of every tenant, keeps what PostgreSQL answered, and tells of a hole."""
