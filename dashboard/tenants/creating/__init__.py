"""Makes tenants quickly: a spare schema is renamed, else the release's DDL is replayed in one transaction."""
