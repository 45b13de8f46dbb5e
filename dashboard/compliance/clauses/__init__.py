"""The clauses of the strategy, a file per area."""
