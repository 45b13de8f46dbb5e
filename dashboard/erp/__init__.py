"""The ERP's own records: what a tenant's people work with."""
