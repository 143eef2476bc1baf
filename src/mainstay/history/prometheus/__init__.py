"""Asking a Prometheus about its past: gently, in pieces that it can answer, and never with a secret in a message."""
