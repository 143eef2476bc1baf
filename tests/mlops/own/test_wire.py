"""An ONNX file is read before it is run: what reaches for other files, loops, or is no model is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mlops.own.models import field, floats, last_is_far, node, value

from mainstay.domain.errors import Corrupt
from mainstay.mlops.artefacts import Artefacts
from mainstay.mlops.own.wire import DEEPEST, MOST_BYTES, check_wire

GOOD = last_is_far()
OUTSIDE = field(13, field(1, "location") + field(2, "../../etc/passwd")) + field(14, 1)


def deep(levels):
    inner = b""
    for _ in range(levels):
        inner = field(1, node("If", [], "y", field(6, inner)))
    return inner


HOSTILE = {
    "weights in another file": (last_is_far(extra=OUTSIDE), "external data"),
    "its place said without the file": (last_is_far(extra=field(14, 1)), "external data"),
    "a file named without its place": (last_is_far(extra=field(13, field(1, "location"))), "external data"),
    "in an attribute": (
        last_is_far(nodes=[node("C", [], "c", field(5, floats("c", [1], [0.0], OUTSIDE)))]),
        "external",
    ),
    "in a branch": (
        last_is_far(nodes=[node("If", [], "c", field(6, field(5, floats("c", [1], [0.0], OUTSIDE))))]),
        "external",
    ),
    "in a list of tensors": (
        last_is_far(nodes=[node("C", [], "c", field(10, floats("c", [1], [0.0], OUTSIDE)))]),
        "external",
    ),
    "in a sparse tensor": (
        last_is_far(nodes=[node("C", [], "c", field(22, field(1, floats("c", [1], [0.0], OUTSIDE))))]),
        "external",
    ),
    "in a function": (
        last_is_far(rest=field(25, field(7, node("C", [], "c", field(5, floats("c", [1], [0.0], OUTSIDE)))))),
        "external",
    ),
    "an operator that loads files": (
        last_is_far(nodes=[node("EPContext", [], "c", domain="com.microsoft")]),
        "'com.microsoft'",
    ),
    "a set of other operators": (last_is_far(rest=field(8, field(1, "evil") + field(2, 1))), "'evil'"),
    "a loop": (last_is_far(nodes=[node("Loop", ["x"], "c")]), "need not end"),
    "training steps": (last_is_far(rest=field(20, b"")), "training"),
    "graphs in graphs": (last_is_far(rest=field(7, deep(2 * DEEPEST))), "deeper than"),
    "ORT's own format": (b"\x08\x00\x00\x00ORTM" + GOOD[8:], "begins with other bytes"),
    "a pickle": (b"\x80\x04\x95" + GOOD, "begins with other bytes"),
    "nothing": (b"", "begins with other bytes"),
    "a first byte": (b"\x08", "does not end"),
    "no graph": (field(1, 8), "no graph"),
    "a cut end": (GOOD[:-3], "no protobuf"),
    "a length beyond the end": (field(1, 8) + b"\x3a\xff\xff\xff\x7f", "no protobuf"),
    "a number without end": (field(1, 8) + b"\xff" * 20, "does not end"),
    "too large": (GOOD + bytes(MOST_BYTES), "are the most"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_and_said_why(name):
    body, says = HOSTILE[name]
    with pytest.raises(Corrupt, match=says):
        check_wire(body)


@pytest.mark.parametrize("name", [name for name in HOSTILE if HOSTILE[name][0][:1] == b"\x08"])
def test_it_is_not_even_kept(tmp_path, name):
    artefacts = Artefacts(tmp_path)
    with pytest.raises(Corrupt):
        artefacts.keep(HOSTILE[name][0])
    assert list(tmp_path.iterdir()) == []


def test_one_that_was_put_into_the_folder_is_not_read(tmp_path):
    import hashlib

    body = HOSTILE["weights in another file"][0]
    digest = hashlib.sha256(body).hexdigest()
    (tmp_path / f"{digest}.onnx").write_bytes(body)
    with pytest.raises(Corrupt, match="external data"):
        Artefacts(tmp_path).read(digest)


def test_a_good_one_is_kept_as_bytes_and_is_no_data(tmp_path):
    artefacts = Artefacts(tmp_path)
    digest = artefacts.keep(GOOD)
    assert artefacts.read(digest) == GOOD
    assert [path.name for path in tmp_path.iterdir()] == [f"{digest}.onnx"]
    with pytest.raises(Corrupt, match="not read as data"):
        artefacts.load(digest)


@pytest.mark.parametrize("at", range(0, len(GOOD), 7))
def test_an_altered_byte_is_found(tmp_path, at):
    artefacts = Artefacts(tmp_path)
    digest = artefacts.keep(GOOD)
    (tmp_path / f"{digest}.onnx").write_bytes(GOOD[:at] + bytes([GOOD[at] ^ 1]) + GOOD[at + 1 :])
    with pytest.raises(Corrupt, match="not what was registered"):
        artefacts.read(digest)


@given(st.binary(max_size=300))
def test_any_bytes_are_answered(body):
    with pytest.raises(Corrupt):
        check_wire(b"\x08" + body)


@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=8))
def test_a_model_with_any_bytes_in_it_is_taken_or_refused(at, body):
    try:
        check_wire(GOOD[:at] + body + GOOD[at + len(body) :])
    except Corrupt:
        return


def test_inputs_and_outputs_of_any_shape_are_for_onnxruntime_to_judge():
    check_wire(last_is_far(takes=[value("x", ["n", "k"]), value("z", [3])], gives=[value("y", [])]))
