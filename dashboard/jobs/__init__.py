"""Jobs: long work in RQ workers with a row each, progress, log, schedules and an outbox."""
