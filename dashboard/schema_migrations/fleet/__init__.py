"""Changes every tenant's schema: a plan approved by its hash, run in waves, resumed after anything."""
