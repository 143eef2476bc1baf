"""Bodies straight to columns: compiled readers of the protobuf wire format, every bound checked.

A reader understands every byte of the usual shape of a request, or says that it is odd; then the body goes to the
reader of messages (`remote_write.py`, `otlp/`), which says what is wrong with it. So there is one place that judges bad
input, and the fast path never has to be clever about it.
"""
