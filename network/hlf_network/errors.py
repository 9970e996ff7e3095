"""What the network tool can fail with, beside `hlf`'s own errors."""

from hlf.errors import FabricError


class NetworkError(FabricError):
    """The network could not be brought to the state asked for; `hint` says what to do about it."""


class PortTakenError(NetworkError):
    """A port that was chosen is held by another program."""


class TopologyChangedError(NetworkError):
    """The topology differs from the one the running network was made from. `differences`: one line each."""

    def __init__(self, differences: list[str]) -> None:
        super().__init__(
            "the topology was edited since this network was made:\n  " + "\n  ".join(differences),
            hint="`hlf network down` and then `up` makes the new network (its ledgers start empty); "
            "undo the edit to go on with the present one",
        )
        self.differences = differences
