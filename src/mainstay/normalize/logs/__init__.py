"""Lines and their templates."""
