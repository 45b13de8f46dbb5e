"""Says before a migration runs what it locks, how long it may take and what is dangerous about it."""
