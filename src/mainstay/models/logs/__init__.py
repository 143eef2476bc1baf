"""Logs: does an entity say something it never said, or much more often than it does?"""
