"""Mainstay: AIOps and MLOps in one system. Every decision is taken by a named, watched, reversible model version."""

__version__ = "0.1.0"
