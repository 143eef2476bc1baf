"""Alerts, changes and the service graph become incidents with ranked suspects.

`Correlate` is the stage. What is grouped and who is blamed is decided by the deployed correlator and diagnoser; this
package keeps what they need to see (calls, resources, log lines, changes of the last minutes) and writes down what
they said.
"""

from mainstay.correlate.stage import Correlate

__all__ = ["Correlate"]
