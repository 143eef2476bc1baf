"""What must survive: the inbox, telemetry, and the control plane."""
