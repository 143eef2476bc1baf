"""Predictors of incidents from the platform's own past: what is learned of it, and whether that is worth anything."""
