"""Conditions over the certificates of servers."""

from datetime import datetime, timedelta

from dashboard.alerts.registry import Answer, Breach, Unknown, Watch, condition
from dashboard.alerts.wording import at
from dashboard.health.alerting import trusted
from dashboard.health.server.refreshing import CERTIFICATES, HOUR


@condition("health.certificate_ending", every=HOUR)
@condition("health.certificate_nearly_over", every=HOUR)
def certificate_ending(watch: Watch) -> Answer:
    """A certificate is valid for fewer days than the limit."""
    reading = trusted(CERTIFICATES, "Until when certificates are valid")
    if isinstance(reading, Unknown):
        return reading
    breaches = []
    for row in reading.data["certificates"]:
        ends = datetime.fromisoformat(row["expires_at"]) if row["expires_at"] else None
        if ends is None or ends - watch.now >= timedelta(days=watch.limit):
            continue
        verb = "expired at" if ends < watch.now else "expires at"
        text = f"The certificate of {row['name']} ({row['address']}, {row['subject']}) {verb} {at(ends)}."
        breaches.append(Breach(row["name"], text))
    return breaches
