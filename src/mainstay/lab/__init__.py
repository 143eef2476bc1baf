"""The lab: a small shop of real services to break, the demo's stage and the source of labelled faults.

It shares no import and no secret with the platform: it sends telemetry and change events as any system would,
is mended only through `shopctl`, as any system would be, and tells the truth about its faults only to the scorer.
"""
