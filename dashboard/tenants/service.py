"""What other features do with tenants; how one is created is told in `creating`."""

from dashboard.tenants.creating.registering import slug_of
from dashboard.tenants.creating.service import create_tenant

__all__ = ["create_tenant", "slug_of"]
