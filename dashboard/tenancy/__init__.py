"""Tenants: who they are, and the role and search_path every transaction of one runs under."""
