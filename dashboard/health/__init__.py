"""Health of databases, broker and cache: probes, their readings, pages and readiness."""
