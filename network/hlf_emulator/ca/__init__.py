"""Fabric CA: registry, issuing, tokens, and its REST face."""
