"""Running the shop: the supervisor that starts and replaces its processes, and the change events it announces."""
