"""Two hundred files that must not be served: nothing in them runs, each is refused, and the reason is said."""

import hashlib
import io
import json
import os
import pickle
import random
import struct
import sys
import zipfile

import numpy as np
import pytest

from mainstay.domain.errors import Corrupt, NotFound
from mainstay.mlops.artefacts import MOST_BYTES, Artefacts

RAN: list[str] = []
FORBIDDEN = {"pickle.find_class", "os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "exec"}


def _listen(event, arguments):
    if event in FORBIDDEN and WATCHED:
        RAN.append(f"{event} {arguments!r}"[:200])


WATCHED: list[bool] = []
sys.addaudithook(_listen)  # it cannot be taken away again, so it only listens while a file is loaded


class Bomb:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch /tmp/mainstay-was-here",)


def npy(array, *, pickled=False):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=pickled)
    return stream.getvalue()


def npz(members, compression=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as packed:
        for name, body in members:
            packed.writestr(name, body)
    return stream.getvalue()


GOOD = npz([("weights.npy", npy(np.arange(64.0)))])
HEADERS = [
    "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
    "{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (1,), }",
    "{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '|S8', 'fortran_order': False, 'shape': (1,), }",
    "(" * 9000,
    "",
]
NAMES = [
    "../weights.npy",
    "/etc/weights.npy",
    "a/b.npy",
    "weights.pkl",
    "weights",
    "a" * 70 + ".npy",
    "wéights.npy",
    ".npy",
]


def headed(text):
    body = text.encode() + b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(body)) + body + b"\x00" * 8


def bodies():
    """Name and bytes; what begins as an allowed format is written under its own digest, as an attacker would."""
    draw = random.Random(7)
    evil = pickle.dumps(Bomb())
    yield from ((f"pickle-{protocol}", pickle.dumps(Bomb(), protocol)) for protocol in range(6))
    yield "an object array", npz([("weights.npy", npy(np.array([Bomb()], dtype=object), pickled=True))])
    yield from ((f"name-{name}", npz([(name, npy(np.arange(3.0)))])) for name in NAMES)
    yield from ((f"header-{n}", npz([("weights.npy", headed(text))])) for n, text in enumerate(HEADERS))
    yield "a pickle for an array", npz([("weights.npy", evil)])
    yield "behind an array", npz([("weights.npy", npy(np.arange(3.0)) + evil)])
    yield "two of one name", npz([("a.npy", npy(np.arange(3.0))), ("A.npy", b"")]).replace(b"A.npy", b"a.npy")
    bomb = npz([(f"a{n}.npy", b"\0" * (MOST_BYTES // 8)) for n in range(9)], zipfile.ZIP_DEFLATED)
    yield "a bomb", bomb
    lying = bytearray(npz([("weights.npy", b"\0" * (1 << 20))], zipfile.ZIP_DEFLATED))
    place = lying.rindex(b"PK\x01\x02") + 24
    lying[place : place + 4] = struct.pack("<I", 64)
    yield "a bomb that lies", bytes(lying)
    yield "a link inside", npz([("weights.npy", b"/etc/passwd")])
    yield from (
        (f"json-{n}", body) for n, body in enumerate([b"{", b"{}x", b'{"a":' * 5000, b'{"a": \xff}', b"{'a': 1}"])
    )
    yield from ((f"cut-{n}", GOOD[: draw.randrange(4, len(GOOD))]) for n in range(84))
    for number in range(84):
        altered = bytearray(GOOD)
        for _ in range(4):
            altered[draw.randrange(4, len(GOOD))] ^= draw.randrange(1, 256)
        yield f"altered-{number}", bytes(altered)


CASES = list(bodies())


def test_there_are_two_hundred():
    assert len(CASES) >= 200


@pytest.mark.parametrize(("name", "body"), CASES, ids=[name.encode("ascii", "replace").decode() for name, _ in CASES])
def test_not_served_under_its_own_digest(tmp_path, name, body):
    """The attacker could write the file and its digest; what is in it still does not run."""
    kept, digest = Artefacts(tmp_path), hashlib.sha256(body).hexdigest()
    kept.load(kept.keep(GOOD))  # whatever is imported on first use is imported now
    RAN.clear()
    for suffix in (".npz", ".json"):
        (tmp_path / (digest + suffix)).write_bytes(body)
    WATCHED.append(True)
    try:
        found, why = kept.load(digest), ""
    except Corrupt as error:
        found, why = None, str(error)
    finally:
        WATCHED.clear()
    assert RAN == []
    if found is None:
        assert len(why) > 20
    else:  # some bits of a zip mean nothing (a date): then what is loaded are numbers, as in what was altered
        assert name.startswith("altered")
        assert [array.dtype.kind for array in found.values()] == ["f"]


@pytest.mark.parametrize("body", [pickle.dumps(Bomb()), b"", b"\x89HDF", b"<xml/>", b"[1]"])
def test_an_unknown_format_is_not_even_kept(tmp_path, body):
    with pytest.raises(Corrupt, match="neither"):
        Artefacts(tmp_path).keep(body)
    assert list(tmp_path.iterdir()) == []


def test_bytes_that_are_not_their_name(tmp_path):
    kept = Artefacts(tmp_path)
    digest = kept.keep(GOOD)
    (tmp_path / f"{digest}.npz").write_bytes(npz([("weights.npy", npy(np.zeros(3)))]))
    with pytest.raises(Corrupt, match="not what was registered"):
        kept.load(digest)


def test_a_link_is_not_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_bytes(b"{}")
    kept, digest = Artefacts(tmp_path / "artefacts"), hashlib.sha256(b"{}").hexdigest()
    (tmp_path / "artefacts" / f"{digest}.json").symlink_to(elsewhere)
    with pytest.raises(Corrupt, match="plain file"):
        kept.load(digest)


def test_a_folder_or_a_pipe_is_no_artefact(tmp_path):
    kept = Artefacts(tmp_path)
    (tmp_path / f"{'a' * 64}.json").mkdir()
    os.mkfifo(tmp_path / f"{'b' * 64}.json")
    for digest in ("a" * 64, "b" * 64):
        with pytest.raises(Corrupt, match="plain file"):
            kept.load(digest)


def test_too_large_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / f"{'c' * 64}.npz").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(Corrupt, match="at most"):
        Artefacts(tmp_path).load("c" * 64)


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_a_name_that_is_no_digest(tmp_path, digest):
    with pytest.raises(Corrupt, match="no sha256"):
        Artefacts(tmp_path).load(digest)


def test_what_is_good_is_served(tmp_path):
    kept = Artefacts(tmp_path)
    assert kept.load(kept.keep(GOOD))["weights"].tolist() == list(range(64))
    assert kept.load(kept.keep(json.dumps({"a": 1}).encode())) == {"a": 1}
    with pytest.raises(NotFound):
        kept.load("d" * 64)
