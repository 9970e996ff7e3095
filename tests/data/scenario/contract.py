"""What the scenarios call: one function for each thing that a client can see happen."""

from hlf_chaincode import Context, Contract, ContractError, Private, key_policy, query, transaction


class Assets(Contract):
    """Values by key, public and private."""

    name = "assets"

    @query
    def echo(self, ctx: Context, text: str) -> str:
        """The text."""
        return text

    @query
    def echo_transient(self, ctx: Context) -> dict[str, str]:
        """What came in the transient field."""
        return {name: value.decode() for name, value in ctx.transient.items()}

    @query
    def echo_bytes(self, ctx: Context, value: bytes) -> bytes:
        """The argument, which need not be text."""
        return value

    @transaction
    def put(self, ctx: Context, key: str, value: str) -> str:
        """Write a value and return what was there before."""
        before = ctx.state.get(key) or b""
        ctx.state.put(key, value.encode())
        return before.decode()

    @query
    def get(self, ctx: Context, key: str) -> str:
        """A value; NOT_FOUND where there is none."""
        value = ctx.state.get(key)
        if value is None:
            raise ContractError("NOT_FOUND", f"there is no {key}")
        return value.decode()

    @transaction
    def overwrite(self, ctx: Context, key: str, value: str) -> None:
        """Write a value without reading it first: two at once do not conflict."""
        ctx.state.put(key, value.encode())

    @transaction
    def add(self, ctx: Context, key: str, amount: int) -> int:
        """Read, change and write: two at once conflict."""
        total = int(ctx.state.get(key) or b"0") + amount
        ctx.state.put(key, str(total).encode())
        return total

    @transaction
    def announce(self, ctx: Context, name: str, payload: str) -> None:
        """Emit an event."""
        ctx.emit(name, payload.encode())

    @transaction
    def give(self, ctx: Context, key: str, owners: list[str]) -> None:
        """From now on the peers of all these organizations endorse changes of the key."""
        ctx.state.put(key, b"given")
        ctx.state.set_policy(key, key_policy(owners))

    @transaction
    def hide(self, ctx: Context, collection: str, key: str, value: Private[str]) -> None:
        """Write a private value."""
        ctx.private(collection).put(key, value.encode())

    @transaction
    def hide_and_put(self, ctx: Context, collection: str, key: str, value: Private[str]) -> None:
        """Write a private value, and a public one beside it."""
        ctx.private(collection).put(key, value.encode())
        ctx.state.put(key, b"hidden")

    @query
    def reveal(self, ctx: Context, collection: str, key: str) -> str:
        """A private value, on a member's peer."""
        value = ctx.private(collection).get(key)
        if value is None:
            raise ContractError("NOT_FOUND", f"{collection} has no {key}")
        return value.decode()

    @query
    def fingerprint(self, ctx: Context, collection: str, key: str) -> str:
        """The hash of a private value, on anybody's peer."""
        return (ctx.private(collection).hash(key) or b"").hex()

    @transaction
    def refuse(self, ctx: Context, message: str) -> None:
        """Say no."""
        raise ContractError("REFUSED", message)

    @transaction
    def publish(self, ctx: Context, collection: str, key: str) -> str:
        """Make a private value public, which the peers of its members alone can do."""
        value = self.reveal(ctx, collection, key)
        ctx.state.put(key, value.encode())
        return value

    @transaction
    def break_down(self, ctx: Context) -> None:
        """Fail as a program does that has a mistake."""
        raise ZeroDivisionError

    @transaction
    def disagree(self, ctx: Context, key: str) -> None:
        """Write something else on each peer."""
        ctx.state.put(key, f"{id(ctx)} {id(self)}".encode())

    @query
    def lengthy(self, ctx: Context, megabytes: int) -> str:
        """A long answer."""
        return "x" * (megabytes * 1024 * 1024)
