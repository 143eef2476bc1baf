"""The bill of materials: what was installed where a model was made (CycloneDX), so that a bad package is traced."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import Distribution, distributions
from typing import Any

import msgspec

from mainstay import __version__

SPEC = "1.6"


@cache
def bill() -> bytes:
    """CycloneDX JSON of this Python environment: the same bytes for the same environment, so it has one digest."""
    components = {_name(d): _component(d) for d in distributions() if _name(d) and _name(d) != "mainstay"}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "mainstay",
                "name": "mainstay",
                "version": __version__,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
            "properties": [
                {"name": "python:version", "value": platform.python_version()},
                {"name": "os:machine", "value": platform.machine()},
            ],
        },
        "components": [components[name] for name in sorted(components)],
    }
    return msgspec.json.encode(document)


def _component(installed: Distribution) -> dict[str, Any]:
    purl = f"pkg:pypi/{_name(installed)}@{installed.version}"
    component = {
        "type": "library",
        "bom-ref": purl,
        "name": _name(installed),
        "version": installed.version,
        "purl": purl,
    }
    expression = installed.metadata.json.get("license_expression")
    return {**component, "licenses": [{"expression": expression}]} if expression else component


def _name(installed: Distribution) -> str:
    """As package indexes normalise it; "" for what was installed half."""
    return str(installed.metadata.json.get("name") or "").lower().replace("_", "-").replace(".", "-")
