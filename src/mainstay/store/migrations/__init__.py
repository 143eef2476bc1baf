"""How a control store of any earlier format becomes one of today's; run by `database.migrate`."""
