"""What people and outcomes say about our decisions: verdicts become labels, labels become precision and recall."""

from mainstay.feedback.pages import Miss, Observed, misses, observed, pages
from mainstay.feedback.scores import Rate, Score, scorecard
from mainstay.feedback.stage import Feedback, Known

__all__ = ["Feedback", "Known", "Miss", "Observed", "Rate", "Score", "misses", "observed", "pages", "scorecard"]
