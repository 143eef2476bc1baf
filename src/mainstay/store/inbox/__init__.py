"""The durable inbox: what a sender was told is kept, is kept.

A record is appended to a segment file and synced before its sender is answered; one thread commits for all. It is
read back in one order over all lanes, and its file is deleted once the pipeline needs it no more.
"""

from mainstay.store.inbox.durable import Inbox
from mainstay.store.inbox.reading import read_records

__all__ = ["Inbox", "read_records"]
