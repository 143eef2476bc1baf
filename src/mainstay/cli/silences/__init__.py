"""What keeps pages from leaving, and what it kept: silences, maintenance windows, suppressions."""
