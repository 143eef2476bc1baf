"""Governance: who answers for a model, what its card says, whom it serves worse, and what a reviewer takes away."""
