"""The contract that the benches have served: what each of the official chaincodes beside it does too."""

from hlf_chaincode import Context, Contract, transaction


class Puts(Contract):
    """One function: a key written, an event set."""

    name = "puts"

    @transaction
    def put(self, ctx: Context, key: str, value: str) -> str:
        """Write a value and say so in an event."""
        ctx.state.put(key, value.encode())
        ctx.emit("put", key.encode())
        return key
