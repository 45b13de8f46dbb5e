"""The ERP's own records: what a tenant's people work with."""

from flask import Flask

from dashboard.erp import assertions as _assertions  # noqa: F401  # registers them for restore drills
from dashboard.erp import models  # noqa: F401  # whoever imports the ERP gets all its tables, in a complete metadata
from dashboard.erp.comparison import views as comparison
from dashboard.erp.documents import views as documents
from dashboard.erp.inventory import views as inventory
from dashboard.erp.invoicing import steps as _invoices  # noqa: F401
from dashboard.erp.invoicing import views as invoicing
from dashboard.erp.legacy import views
from dashboard.erp.messages import timeline as messages_timeline
from dashboard.erp.messages import views as messages
from dashboard.erp.portal import views as portal
from dashboard.erp.purchasing import steps as _orders  # noqa: F401
from dashboard.erp.purchasing import views as purchasing
from dashboard.erp.quotes import panels as quotes
from dashboard.erp.quotes import steps as _quotes  # noqa: F401  # declares its steps
from dashboard.erp.sealing import files as sealed_files
from dashboard.erp.sourcing import steps as _requests  # noqa: F401
from dashboard.erp.sourcing import views as sourcing
from dashboard.erp.suppliers import views as suppliers
from dashboard.erp.workflow import views as workflow


def init_app(app: Flask) -> None:
    """Register the pages beside the screens."""
    views.init_app(app)
    messages_timeline.init_app(app)
    sealed_files.init_app(app)
    workflow.init_app(app)
    sourcing.init_app(app)
    quotes.init_app(app)
    messages.init_app(app)
    portal.init_app(app)
    comparison.init_app(app)
    purchasing.init_app(app)
    inventory.init_app(app)
    documents.init_app(app)
    invoicing.init_app(app)
    suppliers.init_app(app)
