"""The words of the trade. Stages share these types and nothing else; this package imports only numpy and msgspec."""
