"""The view across tenants: headline figures of each, kept in the control database by a job."""
