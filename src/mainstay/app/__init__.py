"""The composition root: the only place that names concrete classes and joins them to one running platform."""
