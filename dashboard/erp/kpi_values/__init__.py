"""KPI definitions and the values recorded for each period."""
