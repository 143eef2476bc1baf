"""The shop: what the lab runs, read from a shop file."""

from mainstay.lab.shop.file import ShopFileError, read_shop
from mainstay.lab.shop.model import Journey, Queue, Route, Service, Shop, Step

__all__ = ["Journey", "Queue", "Route", "Service", "Shop", "ShopFileError", "Step", "read_shop"]
