"""The ERP's own records: what a tenant's people work with."""

from flask import Flask

from dashboard.erp import models  # noqa: F401  # whoever imports the ERP gets all its tables, in a complete metadata


def init_app(app: Flask) -> None:
    """Register the pages beside the screens."""
    from dashboard.erp.legacy import views  # noqa: PLC0415  # pages need the whole of the ERP's tables first

    views.init_app(app)
