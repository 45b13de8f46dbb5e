"""Alert rules and their states: ok, pending, firing; shown as silenced while nobody is to be told.

What is watched stands in `rules.toml`; each rule's condition is a function in some feature's `alerting.py`.
Answers (`answers.py`) are acknowledgement and silences; `deliveries` tells people by mail and webhook, and
`deadman.py` tells the outside that Steward still watches.
"""

from flask import Flask

from dashboard.alerts import answering_views, badge, rules, views
from dashboard.alerts.deliveries import views as delivery_views
from dashboard.alerts.desk import VIEW, pages
from dashboard.alerts.registry import all_conditions, import_conditions
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
    register_menu(app, MenuItem("database", "Alerts", "alerts.page", VIEW, "bell-ringing", 15))


ROUTED = (views, answering_views, delivery_views)  # importing them adds their routes to the blueprint
