"""The ERP's own records: what a tenant's people work with."""

from dashboard.erp import models  # noqa: F401  # whoever imports the ERP gets all its tables, in a complete metadata
