"""An ONNX model out of an MLflow registry: which version an alias means, where its file lies, its bytes."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import yaml

from mainstay.domain.errors import BadInput
from mainstay.mlops.own.mlflow.server import Mlflow
from mainstay.mlops.own.wire import MOST_BYTES

MOST_DESCRIPTION = 1 << 20
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def onnx_of(server: Mlflow, named: str) -> tuple[bytes, str]:
    """The ONNX file of MODEL@ALIAS or MODEL@NUMBER, and what it is in words for the record.

    Raises:
        BadInput: The name, a model without the ONNX flavour, or files that the server does not serve itself.
        NotFound: No such model, alias, version or file.
    """
    model, at, alias = named.rpartition("@")
    if not at or not model or not alias:
        raise BadInput(f"{named!r}: a registered model is written MODEL@ALIAS or MODEL@NUMBER")
    version = _version(server, model, alias)
    where = _folder(server, model, str(version["version"]))
    file = onnx_file(server.artifact(f"{where}/MLmodel", MOST_DESCRIPTION))
    body = server.artifact(f"{where}/{file}", MOST_BYTES)
    return body, f"MLflow {server.uri} {model} version {version['version']}, run {version.get('run_id') or 'unknown'}"


def onnx_file(description: bytes) -> str:
    """The name of the ONNX file that an MLmodel file speaks of.

    >>> onnx_file(b"flavors: {onnx: {data: model.onnx}}")
    'model.onnx'
    """
    try:
        found: Any = yaml.safe_load(description)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"the model's MLmodel file is no YAML: {str(error)[:200]}") from None
    flavours = found.get("flavors") if isinstance(found, dict) else None
    if not isinstance(flavours, dict) or not isinstance(flavours.get("onnx"), dict):
        has = ", ".join(map(str, flavours)) if isinstance(flavours, dict) else "none"
        raise BadInput(f"the model has no ONNX flavour (it has {has[:200]}): log it with mlflow.onnx.log_model")
    file = flavours["onnx"].get("data")
    if not isinstance(file, str) or not _FILE.fullmatch(file):
        raise BadInput(f"its MLmodel file names {str(file)[:80]!r} as the ONNX file: refused")
    return file


def _version(server: Mlflow, model: str, alias: str) -> dict[str, Any]:
    if alias.isdigit():
        return dict(server.get("model-versions/get", name=model, version=alias)["model_version"])
    return dict(server.get("registered-models/alias", name=model, alias=alias)["model_version"])


def _folder(server: Mlflow, model: str, number: str) -> str:
    """The folder of a version, as the server's artifact door names it."""
    uri = str(server.get("model-versions/get-download-uri", name=model, version=number)["artifact_uri"])
    if uri.startswith("models:/m-"):  # MLflow 3: a version points at a logged model
        name = uri.removeprefix("models:/").split("/")[0]
        uri = str(server.get(f"logged-models/{quote(name, safe='')}")["model"]["info"]["artifact_uri"])
    parts = urlsplit(uri)
    path = unquote(parts.path).strip("/")
    if parts.scheme != "mlflow-artifacts" or ".." in path.split("/"):
        raise BadInput(
            f"its files lie at {uri[:120]}, which the MLflow server does not serve itself: start it with "
            "--serve-artifacts and log the model again, or download the file and use `mainstay models import onnx`"
        )
    return quote(path)
