"""What keeps pages from leaving: our own routes, and those that `amtool` knows."""

from mainstay.api.silences.alertmanager import ROUTES as AMTOOL_ROUTES
from mainstay.api.silences.routes import ROUTES

__all__ = ["AMTOOL_ROUTES", "ROUTES"]
