"""A release in one command: backup, migrations, restart, smoke tests, and the way back where it stops."""
