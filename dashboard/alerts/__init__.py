"""Alert rules and their states: ok, pending, firing.

What is watched stands in `rules.toml`; each rule's condition is a function in some feature's `alerting.py`.
Mails, webhooks, silences and acknowledgement will follow the events in `alert_event`; there are none yet.
"""

from flask import Flask

from dashboard.alerts import badge, rules
from dashboard.alerts.registry import all_conditions, import_conditions
from dashboard.alerts.views import pages
from dashboard.core.menu import MenuItem, register_menu


def init_app(app: Flask) -> None:
    """Read and check the rules, register the pages and the badge. Raises RulesError."""
    import_conditions()
    conditions, declared = all_conditions(), rules.load()
    rules.check(declared, conditions)
    app.extensions["alert_rules"] = declared
    app.extensions["alert_conditions"] = conditions
    app.register_blueprint(pages)
    app.add_template_global(badge.read, "alert_badge")
    register_menu(app, MenuItem("database", "Alerts", "alerts.page", badge.VIEW, "bell-ringing", 15))
