"""What a diagnosis sees: who calls whom, what was recent, how things fare."""
