"""Which alerts are symptoms of trouble that is known already, so that its page is enough."""

from mainstay.models.suppression.dependency import Dependency

__all__ = ["Dependency"]
