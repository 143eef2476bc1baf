"""Many names, one thing: the mapping, the catalog, and the directory of who is there."""
