import pytest
from tests.ingest.sender import Kept, Sender


@pytest.fixture
def sender():
    """A door over an inbox that only remembers."""
    one = Sender()
    yield one
    one.close()


@pytest.fixture
def kept(sender) -> Kept:
    return sender.kept
