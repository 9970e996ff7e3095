"""Revalidation of a model against outcomes (P2 section 3.3)."""
