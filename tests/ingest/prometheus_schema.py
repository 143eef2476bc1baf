"""Remote write's messages by protobuf's own library: the oracle for our reader."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

DOUBLE, INT64, STRING, MESSAGE = 1, 3, 9, 11
ONE, MANY = 1, 3


def _messages() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="remote.proto", package="prometheus", syntax="proto3")

    def message(name: str, *fields: tuple[str, int, int, int, str]) -> None:
        made = file.message_type.add(name=name)
        for label, number, kind, count, of in fields:
            made.field.add(name=label, number=number, type=kind, label=count, type_name=of or None)

    message("Label", ("name", 1, STRING, ONE, ""), ("value", 2, STRING, ONE, ""))
    message("Sample", ("value", 1, DOUBLE, ONE, ""), ("timestamp", 2, INT64, ONE, ""))
    message("Histogram", ("sum", 3, DOUBLE, ONE, ""))
    message(
        "TimeSeries",
        ("labels", 1, MESSAGE, MANY, ".prometheus.Label"),
        ("samples", 2, MESSAGE, MANY, ".prometheus.Sample"),
        ("histograms", 4, MESSAGE, MANY, ".prometheus.Histogram"),
    )
    message("Metadata", ("metric_family_name", 2, STRING, ONE, ""))
    message(
        "WriteRequest",
        ("timeseries", 1, MESSAGE, MANY, ".prometheus.TimeSeries"),
        ("metadata", 3, MESSAGE, MANY, ".prometheus.Metadata"),
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("prometheus.WriteRequest"))


WriteRequest: Any = _messages()


def write_request(*series: tuple[dict[str, str], list[tuple[int, float]]]) -> Any:
    """A request of (labels, [(ms, value), …]) pairs."""
    request = WriteRequest()
    for labels, samples in series:
        made = request.timeseries.add()
        for name, value in labels.items():
            made.labels.add(name=name, value=value)
        for at_ms, value in samples:
            made.samples.add(timestamp=at_ms, value=value)
    return request
