"""Orderers: what they refuse, how blocks are made, and their admin API."""
