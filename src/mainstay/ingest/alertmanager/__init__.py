"""Alertmanager: its webhook to us, and being an Alertmanager ourselves."""
