"""A contract small enough to show what Fabric itself does."""
