"""Models as versions: registered once, immutable, reached only through what is deployed."""

from mainstay.mlops.registry import Registry
from mainstay.mlops.serving import Serving
from mainstay.mlops.trust.signing import Keys
from mainstay.mlops.warming import warm

__all__ = ["Keys", "Registry", "Serving", "warm"]
