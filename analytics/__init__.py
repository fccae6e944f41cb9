"""Metrics, rollups and insights.  Reads every app through views, writes only its own tables."""
