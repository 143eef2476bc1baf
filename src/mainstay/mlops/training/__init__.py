"""How versions are made: data sets, features, quality, search, runs."""
