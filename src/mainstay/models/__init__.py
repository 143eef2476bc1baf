"""The algorithms. No I/O, no clock; reached only through `mlops/serving.py`, so that every decision names a version."""
