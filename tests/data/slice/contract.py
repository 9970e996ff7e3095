"""A contract small enough to show what Fabric itself does: one function for each behaviour."""

from hlf_chaincode import Context, Contract, ContractError, Private, key_policy, query, transaction


class Records(Contract):
    """Public and two-party private records, and the ways to be refused."""

    name = "records"

    @transaction
    def put(self, ctx: Context, key: str, value: str) -> str:
        """Write a public value and say so in an event."""
        ctx.state.put(key, value.encode())
        ctx.emit("put", key.encode())
        return key

    @query
    def get(self, ctx: Context, key: str) -> str:
        """A public value; NOT_FOUND when there is none."""
        value = ctx.state.get(key)
        if value is None:
            raise ContractError("NOT_FOUND", f"there is no {key}", key=key)
        return value.decode()

    @transaction
    def add(self, ctx: Context, key: str, amount: int) -> int:
        """Read, change and write: two at once conflict."""
        total = int(ctx.state.get(key) or b"0") + amount
        ctx.state.put(key, str(total).encode())
        return total

    @transaction
    def remove(self, ctx: Context, key: str) -> None:
        """Delete a public value."""
        ctx.state.delete(key)

    @transaction
    def lock(self, ctx: Context, key: str, owner: str) -> None:
        """From now on only that organization's peer endorses changes of the key."""
        ctx.state.set_policy(key, key_policy([owner]))

    @query
    def keys(self, ctx: Context, start: str, end: str) -> list[str]:
        """The keys in a range."""
        return [entry.key for entry in ctx.state.range(start, end)]

    @query
    def history(self, ctx: Context, key: str) -> list[str]:
        """The transactions that changed a key."""
        return [change.transaction_id for change in ctx.state.history(key)]

    @transaction
    def share(self, ctx: Context, collection: str, key: str, value: Private[str]) -> str:
        """Write a private value; its hash alone is public."""
        ctx.private(collection).put(key, value.encode())
        return key

    @query
    def shared(self, ctx: Context, collection: str, key: str) -> str:
        """A private value, on a member's peer."""
        value = ctx.private(collection).get(key)
        if value is None:
            raise ContractError("NOT_FOUND", f"{collection} has no {key}")
        return value.decode()

    @query
    def shared_hash(self, ctx: Context, collection: str, key: str) -> str:
        """The hash of a private value, on anybody's peer."""
        return (ctx.private(collection).hash(key) or b"").hex()

    @transaction
    def purge(self, ctx: Context, collection: str, key: str) -> None:
        """Delete a private value with its past."""
        ctx.private(collection).purge(key)

    @query
    def whoami(self, ctx: Context) -> dict[str, str | None]:
        """What the contract knows of its caller."""
        client = ctx.client
        return {
            "msp_id": client.msp_id,
            "role": client.role,
            "attribute_role": client.attribute("role"),
            "holder": client.attribute("holder"),
        }

    @transaction
    def refuse(self, ctx: Context, code: str) -> None:
        """Say no."""
        raise ContractError(code, "as asked")

    @transaction
    def disagree(self, ctx: Context, key: str) -> str:
        """Every endorser answers something else."""
        value = str(id(ctx)) + str(id(self))
        ctx.state.put(key, value.encode())
        return value

    @transaction
    def count(self, ctx: Context, start: str, end: str, target: str) -> int:
        """Write how many keys a range has: a key added meanwhile is a phantom."""
        found = sum(1 for _ in ctx.state.range(start, end))
        ctx.state.put(target, str(found).encode())
        return found

    @transaction
    def announce(self, ctx: Context, name: str, payload: str) -> str:
        """Emit an event and write nothing."""
        ctx.emit(name, payload.encode())
        return payload

    @query
    def write_in_query(self, ctx: Context, key: str) -> str:
        """Try to write where only reading is allowed."""
        ctx.state.put(key, b"x")
        return key

    @transaction
    def call(self, ctx: Context, chaincode: str, key: str, channel: str) -> str:
        """Read from another chaincode."""
        return ctx.invoke(chaincode, ["get", key], channel=channel).decode()
