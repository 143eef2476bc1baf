"""Webhooks of the places where software is changed: authenticated by their signature, then changes like any other."""
