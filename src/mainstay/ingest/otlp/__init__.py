"""OpenTelemetry's protocol: one file per signal, protobuf and JSON read by the same code."""
