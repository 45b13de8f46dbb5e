"""What happens to a tenant after it was created: renaming, suspending, cloning, archiving, deleting."""
