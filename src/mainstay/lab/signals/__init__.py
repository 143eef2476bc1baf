"""What a process of the shop tells about itself, through the OpenTelemetry SDK."""
