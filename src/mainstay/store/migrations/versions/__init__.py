"""One file per format, never edited after its release."""
