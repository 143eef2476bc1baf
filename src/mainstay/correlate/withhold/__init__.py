"""What keeps the page of an incident from leaving, decided in the order of records, so that a replay is the same.

Silences and maintenance windows mark alerts; a suppression that a team switched on marks the symptoms of what burns
below them. An incident whose every alert that it has to tell is marked is withheld: it stands there with the reason
and the end, and pages when the last mark goes. `withhold.Withhold` is what the stage calls.
"""
