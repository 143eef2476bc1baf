"""Stage 6: runbooks become plans, plans are approved by a person, done durably, verified by the signals, and undone.

A runbook is a YAML file. A planner (a model version) chooses one for an incident; `propose` fills it with facts from
the inventory. `Approvals` keeps who said yes to exactly which plan; `Executor` runs it once and knows at every moment,
also after a crash, what was done.
"""

from mainstay.automation.actions import actions_of
from mainstay.automation.approvals import Approvals
from mainstay.automation.catalogue import Catalogue, load_runbooks
from mainstay.automation.executor import Executor
from mainstay.automation.inventory import Inventory
from mainstay.automation.keeping import PlanStore, Verified, Verifier
from mainstay.automation.planning import propose
from mainstay.automation.policy import Policy
from mainstay.automation.requests import Requests
from mainstay.automation.verifier import SignalVerifier

__all__ = [
    "Approvals", "Catalogue", "Executor", "Inventory", "PlanStore", "Policy", "Requests", "SignalVerifier", "Verified",
    "Verifier", "actions_of", "load_runbooks", "propose",
]  # fmt: skip
