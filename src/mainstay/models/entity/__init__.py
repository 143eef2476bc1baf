"""The entity tier: the many metrics of one host or service, judged together."""
