"""Predictions and labels of a user's own models: kept by row, refused by row, under the name in the path."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.errors import BadInput
from mainstay.ingest.predictions import decode, decode_labels, named, pattern_of
from mainstay.ingest.rejections import Rejected
from mainstay.normalize.normalizer import Normalizer

NOW = 1_800_000_000_000_000_000
PATH, LABELS = "/v1/models/fraud/predictions", "/v1/models/fraud/labels"
ROW = {"id": "a1", "at": "2026-11-20T10:00:00Z", "score": 0.93, "latency_ms": 3.1, "group": "eu", "features": {"x": 2}}


def sent(*rows, path=PATH, what="predictions", **rest):
    return named(path, json.dumps({"version": "12", what: list(rows), **rest}).encode())


def test_columns_of_what_was_sent():
    (batch,) = decode(sent(ROW, {"id": "a2", "score": 1, "features": {"y": 1.5}}, service="payments"), NOW).predictions
    assert (batch.model, batch.version, batch.service, batch.ids) == ("fraud", "12", "payments", ("a1", "a2"))
    assert batch.names == ("x", "y")
    np.testing.assert_array_equal(batch.features, [[2, np.nan], [np.nan, 1.5]])
    assert batch.at_ns.tolist() == [1_795_168_800 * 10**9, NOW]
    assert batch.group == ("eu", "")


def test_bad_rows_are_refused_beside_good_ones():
    found = decode(sent(ROW, {"id": 7, "score": 1}, {"id": "x"}, {"id": "y", "score": 1, "typo": 1}), NOW)
    assert len(found.predictions[0].ids) == 1
    assert found.refused == 3


@pytest.mark.parametrize("body", [b"", b"[", b'{"predictions": 3}', b'{"predictions": []}', b'"x"', b"null"])
def test_what_is_no_such_body_says_why(body):
    with pytest.raises(BadInput, match=r"JSON|look like"):
        decode(named(PATH, body), NOW)


def test_a_request_has_a_bound():
    with pytest.raises(Rejected, match="more than 20000"):
        decode(sent(*[{"id": "a", "score": 1}] * 20_001), NOW)


def test_labels_by_id():
    body = named(LABELS, json.dumps({"labels": [{"id": "a1", "value": 1}, {"value": 0}]}).encode())
    found = decode_labels(body, NOW)
    assert found.truths[0].ids == ("a1",)
    assert found.refused == 1


@given(st.text(min_size=1, max_size=30).filter(lambda name: "/" not in name))
def test_any_name_survives_the_path(name):
    path = f"/v1/models/{name}/predictions"
    assert pattern_of(path) == "/v1/models/*/predictions"
    assert decode(sent(ROW, path=path), NOW).predictions[0].model == name


@pytest.mark.parametrize("path", ["/v1/models/x/y/predictions", "/v1/models//labels", "/v1/models/x", "/v1/logs"])
def test_other_paths_are_not_of_models(path):
    assert pattern_of(path) == path


def test_the_model_is_an_entity_that_its_service_depends_on():
    normalizer = Normalizer()
    normal = normalizer.apply(decode(sent(ROW, service="payments", environment="prod"), NOW), NOW)
    assert normal.predictions[0].entity == "model:prod/fraud"
    assert [(e.caller, e.callee) for e in normalizer.topology.edges] == [("service:prod/payments", "model:prod/fraud")]
    labels = json.dumps({"environment": "prod", "labels": [{"id": "a1", "value": 1}]}).encode()
    truths = normalizer.apply(decode_labels(named(LABELS, labels), NOW), NOW).truths
    assert truths[0].key.tolist() == normal.predictions[0].key.tolist()


@pytest.mark.parametrize("far", [1e61, -1e200, 1.7e308])
def test_a_number_whose_square_is_none_is_refused(far):
    rows = {"id": "x", "score": far}, {"id": "y", "score": 1, "features": {"f": far}}
    found = decode(sent(ROW, *rows), NOW)
    assert (found.predictions[0].ids, found.refused) == (("a1",), 2)
    body = named(LABELS, json.dumps({"labels": [{"id": "a1", "value": far}, {"id": "a2", "value": 1}]}).encode())
    found = decode_labels(body, NOW)
    assert (found.truths[0].ids, found.refused) == (("a2",), 1)
