"""What is ahead, what changed, and how a service fares, over HTTP."""
