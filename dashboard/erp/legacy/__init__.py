"""Import of the legacy sourcing agent: suppliers, RFQs, quotes, messages and KPIs."""
