"""A served model: what it is asked, how it is written and run, and who reports what it said and what came true."""
