"""Accuracy on labelled recordings: one file per suite, each with its protocol printed beside its figures."""
