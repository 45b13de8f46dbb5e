"""What the ERP stands on beside its database: machine, disks, Redis, PgBouncer, queues, the file store."""
