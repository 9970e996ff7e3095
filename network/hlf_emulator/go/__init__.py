"""Texts as Go writes them."""
