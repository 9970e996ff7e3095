"""What can be wrong with data that a model is to be revalidated on."""


class RevalidationError(ValueError):
    """The data cannot be used; the message is a sentence that names row and column, or the remedy."""


class SeparationError(RevalidationError):
    """No finite coefficient exists: items tell the outcomes apart without error, if only in one grade."""
