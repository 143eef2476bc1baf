"""Calls between services: slower, failing, or gone?"""
