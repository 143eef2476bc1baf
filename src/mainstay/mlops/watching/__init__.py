"""Watching: whether what a version sees, says and gets right is still what it was chosen for."""
