"""One service of the shop, in a process of its own: `python -m mainstay.lab.service`. Only here is telemetry made."""
