"""The desk that decides by a model's score: accepts, declines, and has people look at what was declined."""

from __future__ import annotations

import json
import random
import uuid

from mainstay.lab.scoring.applicants import applicant, will_default
from mainstay.lab.scoring.reporter import Reporter
from mainstay.lab.service.bucket import Bucket
from mainstay.lab.service.failure import NotReviewed
from mainstay.lab.service.outbound import Outbound
from mainstay.lab.shop.model import Model, Step

TRUTH_AFTER_S = (20.0, 40.0)


class Desk:
    """Decides one application after the other.

    What becomes of each is told 20–40 s later: people look at what was declined, and the others pay or do not.
    """

    def __init__(self, outbound: Outbound, model: Model, truths: Reporter, draw: random.Random) -> None:
        self._outbound, self._model, self._truths, self._draw = outbound, model, truths, draw
        self._reviews = Bucket()

    def decide(self, step: Step) -> None:
        """Ask the model of one person; NotReviewed when it declines more than people can look at."""
        features, name = applicant(self._draw), str(uuid.UUID(int=self._draw.getrandbits(128), version=4))
        body = json.dumps({"id": name, "features": features}).encode()
        score = float(json.loads(self._outbound.call(step.target, step.method, step.path, body).body)["score"])
        truth = {"id": name, "value": int(will_default(features, self._draw))}
        self._truths.note(truth, self._draw.uniform(*TRUTH_AFTER_S))
        if score > self._model.decline_above and not self._reviews.admits(self._model.reviews_per_s):
            raise NotReviewed("manual review takes no more applications")
