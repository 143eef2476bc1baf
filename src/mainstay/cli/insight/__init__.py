"""What is ahead, what changed, how a service fares and what it said, from the command line."""
