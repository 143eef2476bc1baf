"""The HTTP door for people, the command line and the console: JSON under `/api/v1`, live events, `/metrics`, health.

The API holds no state of its own: it reads from the control store, asks the platform (`PlatformApi`) for what is
computed, and hands commands over. Everything that a handler may touch stands in `platform.py`; what each path takes
and gives stands in `docs/api.md`.
"""

from mainstay.api.application import create_app

__all__ = ["create_app"]
