"""Choices that Fabric leaves to chance: which peer, which layout, which nonce."""

import random


def chance(seed: int | None = None) -> random.Random:
    """Where such choices come from: the same ones for the same seed, the system's randomness without one."""
    return random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311  asked to be repeatable
