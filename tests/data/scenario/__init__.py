"""Contract of the scenario network."""
