"""Rollouts: from shadow over canary to live past gates, and back by themselves when they are bad."""
