"""The API as one ASGI application."""

from __future__ import annotations

from typing import cast

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from mainstay import __version__, console
from mainstay.api import (
    budget,
    errors,
    health,
    incidents,
    ledger,
    live,
    people,
    plans,
    series,
    silences,
)
from mainstay.api.gate import Gate
from mainstay.api.insight import changes, outlook, services
from mainstay.api.mlops import models, own, production, rollouts, training, watching
from mainstay.api.platform import Asgi, PlatformApi
from mainstay.api.shell import Shell
from mainstay.console.files import ConsoleFiles
from mainstay.domain.errors import MainstayError

LARGEST_BODY = 1 << 20
"""Bodies of the API are small; telemetry has a door of its own."""


def create_app(platform: PlatformApi) -> Asgi:
    """Everything that listens: the ingest door, the API, the console's files, inside of one shell."""
    return Shell(
        cast("Asgi", api(platform)),
        platform.ingest_door,
        ConsoleFiles(console.static_directory()),
        hosts=platform.settings.allowed_hosts,
        policy=console.content_security_policy(),
    )


def api(platform: PlatformApi) -> Litestar:
    """The routes, behind the gate."""
    gate = Gate(platform.control.people, platform.clock)
    v1 = [
        *health.V1_ROUTES, *incidents.ROUTES, *budget.ROUTES, *series.ROUTES, *plans.ROUTES, *models.ROUTES,
        *ledger.ROUTES, *training.ROUTES, *rollouts.ROUTES, *watching.ROUTES, *people.ROUTES, *live.ROUTES,
        *production.ROUTES, *own.ROUTES, *outlook.ROUTES, *changes.ROUTES,
        *silences.ROUTES, *services.ROUTES,
    ]  # fmt: skip
    return Litestar(
        [
            Router("/api/v1", route_handlers=v1),
            Router("/api/v2", route_handlers=silences.AMTOOL_ROUTES),
            *health.ROOT_ROUTES,
        ],
        guards=[gate],
        dependencies={
            "platform": Provide(lambda: platform, sync_to_thread=False),
            "gate": Provide(lambda: gate, sync_to_thread=False),
        },
        exception_handlers={
            MainstayError: errors.ours,
            HTTPException: errors.http,
            Exception: errors.unforeseen,
        },
        openapi_config=_openapi(),
        request_max_body_size=LARGEST_BODY,
        logging_config=None,
        debug=False,
    )


def _openapi() -> OpenAPIConfig:
    """The description at `/api/openapi.json` and nothing else: the usual pages about it load scripts from elsewhere."""
    return OpenAPIConfig(
        title="Mainstay",
        version=__version__,
        use_handler_docstrings=True,
        render_plugins=[JsonRenderPlugin()],
        openapi_router=Router("/api/openapi.json", route_handlers=[], opt={"role": "viewer"}, include_in_schema=False),
    )
