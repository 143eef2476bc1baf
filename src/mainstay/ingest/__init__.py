"""Stage 1: what senders say, bounded, authenticated, decoded, and kept before they are answered.

One file per source; `SOURCES` lists them; `IngestDoor` is the ASGI application in front.
"""

from mainstay.ingest.door import IngestDoor
from mainstay.ingest.newcomers import Newcomers
from mainstay.ingest.sources import SOURCES, Source, decode

__all__ = ["SOURCES", "IngestDoor", "Newcomers", "Source", "decode"]
