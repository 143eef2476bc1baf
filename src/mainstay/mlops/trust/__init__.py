"""Trust: signatures of versions, what was signed, the bill of materials, and signed heads of the ledger."""
