"""Tells people of alerts by mail and webhook, from an outbox that is written with the alert."""
