"""The ERP server itself: settings and their history, extensions, log, certificates and encryption."""
