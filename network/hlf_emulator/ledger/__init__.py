"""Blocks, state, private data: what is kept, and what makes a transaction valid."""
