"""The peer: drain3 with its defaults, when it is installed (`pip install mainstay[dev]`)."""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Drained:
    """Cluster and template of each line as they are after the last, and what it cost.

    `cpu_s` is mining alone, `with_parameters_s` mining and taking out the parameters.
    """

    ids: list[int]
    texts: list[str]
    cpu_s: float
    with_parameters_s: float


def drained(content: Sequence[str], *, parameters: bool = False) -> Drained | None:
    """What drain3 makes of lines; None when it is not installed."""
    if importlib.util.find_spec("drain3") is None:
        return None
    miner = _miner()
    since = time.process_time()
    ids = [int(miner.add_log_message(line)["cluster_id"]) for line in content]
    cpu_s = time.process_time() - since
    texts = {cluster.cluster_id: cluster.get_template() for cluster in miner.drain.clusters}
    taken_s = _with_parameters(content) if parameters else 0.0
    return Drained(ids, [texts[number] for number in ids], cpu_s, taken_s)


def _with_parameters(content: Sequence[str]) -> float:
    """CPU seconds for both, as the documentation of drain3 does it: line by line with the template of the moment."""
    miner = _miner()
    since = time.process_time()
    for line in content:
        found = miner.add_log_message(line)
        miner.extract_parameters(found["template_mined"], line, exact_matching=False)
    return time.process_time() - since


def _miner() -> Any:
    from drain3 import TemplateMiner
    from drain3.template_miner_config import TemplateMinerConfig

    logging.getLogger("drain3").setLevel(logging.ERROR)
    return TemplateMiner(config=TemplateMinerConfig())
