"""The past of a system, read on day one: series, alerts and tickets that others kept, and what we would have said."""
