"""Spans, the calls that they tell of, and what every service shows without asking."""
