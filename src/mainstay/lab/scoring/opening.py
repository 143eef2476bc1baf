"""What a service needs to serve a model, or to ask one, as the shop file says."""

from __future__ import annotations

import random

from mainstay.lab.folder import Folder, read_json
from mainstay.lab.scoring.desk import Desk
from mainstay.lab.scoring.reporter import Inbox, Reporter
from mainstay.lab.scoring.serving import Serving
from mainstay.lab.service.outbound import Outbound
from mainstay.lab.shop import Service, Shop
from mainstay.lab.shop.model import Model


def serving_of(folder: Folder, shop: Shop, service: Service) -> Serving | None:
    """The model server inside a service that serves one. Its predictions name who depends on them."""
    if service.serves is None:
        return None
    askers = shop.askers_of(service.name)
    beside = {"version": service.serves.version, "environment": shop.environment, "service": askers[0]}
    reporter = Reporter(_inbox(folder, service.serves, "predictions", beside)).start()
    return Serving(folder.released_model(service.name), folder.served_model(service.name), reporter)


def desk_of(folder: Folder, shop: Shop, service: Service, outbound: Outbound, instance: str) -> Desk | None:
    """The desk of a service that asks a model."""
    asked = next((s.target for route in service.work for s in route.steps if s.kind == "score"), "")
    model = shop.service(asked).serves if asked else None
    if model is None:
        return None
    truths = Reporter(_inbox(folder, model, "labels", {"environment": shop.environment})).start()
    return Desk(outbound, model, truths, random.Random(f"{read_json(folder.settings)['noise_seed']}{instance} desk"))


def _inbox(folder: Folder, model: Model, rows: str, beside: dict[str, str]) -> Inbox:
    token = folder.token.read_text(encoding="utf-8").strip() if folder.token.exists() else ""
    url = f"{read_json(folder.settings)['otlp_url'].rstrip('/')}/v1/models/{model.name}/{rows}"
    return Inbox(url, token, rows, beside)
