"""One corner shop for all tests that need it open; each test leaves it as it found it."""

from pathlib import Path

import pytest

from mainstay.lab.lab import Lab
from tests.lab.patience import eventually
from tests.lab.sink import Sink

CORNER = Path(__file__).parent / "corner.yaml"


@pytest.fixture(scope="session")
def sink():
    sink = Sink()
    yield sink
    sink.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory, sink):
    folder = tmp_path_factory.mktemp("corner")
    with Lab(CORNER, folder / "lab", sink.url, f"{sink.url}/v1/changes", "let-me-in", 4, folder / "truth") as lab:
        eventually(lambda: len(lab.users.seconds()) >= 4)
        yield lab


@pytest.fixture
def truth(lab):
    return lab.folder.root.parent / "truth" / "truth.jsonl"
