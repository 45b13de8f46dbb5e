"""Search over all entities of a tenant at once."""
