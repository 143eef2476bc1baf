"""Recorded incidents: does the deployed diagnoser name the service that is the cause?"""
