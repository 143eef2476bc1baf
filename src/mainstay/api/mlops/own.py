"""Models of the user's own over HTTP: register a version of an algorithm that a package offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

import msgspec
from litestar import post
from litestar.params import FromPath, JSONBody

from mainstay.api.parameters import Asking, Platform
from mainstay.api.platform import PlatformApi
from mainstay.domain.models import ModelKind, ModelVersion


class Owns(Protocol):
    """What of the running platform is asked (`mlops.own.registering.OwnModels`)."""

    def register(
        self, name: str, kind: ModelKind, algorithm: str, parameters: Mapping[str, Any], *, by: str, why: str
    ) -> ModelVersion: ...
    def import_onnx(
        self, name: str, body: bytes, parameters: Mapping[str, Any], *, by: str, why: str
    ) -> ModelVersion: ...


LARGEST_IMPORT = 48 << 20
"""An ONNX model of 32 MB as base64, and the rest."""


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which algorithm decides what, with which parameters in place of its defaults."""

    kind: ModelKind
    algorithm: str
    parameters: dict[str, Any] = {}
    why: str = ""


class Import(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An ONNX file (base64), and how its words are read."""

    model: bytes
    parameters: dict[str, Any] = {}
    why: str = ""


def owner(platform: PlatformApi) -> Owns:
    """The part of the platform that takes models in."""
    return cast("Owns", platform.own)


@post("/models/{name:str}/register", role="admin", status_code=201, sync_to_thread=True)
def register(platform: Platform, request: Asking, name: FromPath[str], data: JSONBody[Register]) -> ModelVersion:
    """Register a version of an algorithm, ours or of an installed package; nothing serves it until it is deployed."""
    by = request.user.name
    return owner(platform).register(name, data.kind, data.algorithm, data.parameters, by=by, why=data.why)


@post(
    "/models/{name:str}/onnx",
    role="admin",
    status_code=201,
    sync_to_thread=True,
    request_max_body_size=LARGEST_IMPORT,
)
def import_onnx(platform: Platform, request: Asking, name: FromPath[str], data: JSONBody[Import]) -> ModelVersion:
    """Register a detector of metrics from an ONNX file; nothing serves it until it is deployed."""
    by = request.user.name
    return owner(platform).import_onnx(name, data.model, data.parameters, by=by, why=data.why)


ROUTES = [register, import_onnx]
