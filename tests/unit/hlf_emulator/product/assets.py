"""A contract that the tests of the emulator as a product deploy."""

from hlf_chaincode import Context, Contract, ContractError, Private, query, transaction

SECRETS = "secrets"


class Assets(Contract):
    """Values by name, public or in the collection `secrets`."""

    @transaction
    def put(self, ctx: Context, name: str, value: str) -> None:
        ctx.state.put(name, value.encode())
        ctx.emit("put", name.encode())

    @query
    def get(self, ctx: Context, name: str) -> str:
        return _text(name, ctx.state.get(name))

    @transaction
    def hide(self, ctx: Context, name: str, value: Private[str]) -> None:
        ctx.private(SECRETS).put(name, value.encode())

    @query
    def reveal(self, ctx: Context, name: str) -> str:
        return _text(name, ctx.private(SECRETS).get(name))


def _text(name: str, value: bytes | None) -> str:
    if value is None:
        raise ContractError(f"there is no {name}")
    return value.decode()
