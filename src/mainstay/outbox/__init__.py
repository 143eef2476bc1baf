"""What leaves for people: pages to their own Alertmanager and to a webhook, at least once, under a key.

`pages_for` says which pages a turn of an incident needs; `Outbox` delivers them. Routes, silences and on-call stay in
the Alertmanager that is already there. Its alerts carry the label `mainstay_incident`: one that comes back in through
an Alertmanager webhook is ours and must not become input.
"""

from mainstay.outbox.delivery import Outbox
from mainstay.outbox.pages import OWN_LABEL, escalation, notification, pages_for

__all__ = ["OWN_LABEL", "Outbox", "escalation", "notification", "pages_for"]
