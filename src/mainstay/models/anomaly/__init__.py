"""Metrics: is this sample outside what its series usually does, and does it matter?"""
