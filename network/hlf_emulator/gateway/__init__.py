"""The Gateway service."""
