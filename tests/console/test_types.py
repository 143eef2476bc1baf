"""`types.d.ts` says of the domain what the domain says of itself."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

import mainstay.console
from mainstay.api.series import SeriesView
from mainstay.domain import alerts, changes, entities, incidents, ledger, models, runbooks, users, verdicts, views
from mainstay.domain.similar import Ending, SimilarIncident
from mainstay.feedback import scores

TEXT = (Path(mainstay.console.__file__).parent / "types.d.ts").read_text()
INTERFACES = dict(re.findall(r"export interface (\w+) \{(.*?)\}\n", TEXT, re.DOTALL))
STRUCTS = {
    name: struct
    for module in (alerts, changes, entities, incidents, ledger, models, runbooks, users, verdicts, views, scores)
    for name, struct in vars(module).items()
    if isinstance(struct, type) and issubclass(struct, msgspec.Struct)
} | {one.__name__: one for one in (SeriesView, Ending, SimilarIncident)}


@pytest.mark.parametrize("name", sorted(INTERFACES))
def test_fields_are_the_same(name: str) -> None:
    declared = set(re.findall(r"(\w+): ", INTERFACES[name]))
    assert declared == {field.encode_name for field in msgspec.structs.fields(STRUCTS[name])}
