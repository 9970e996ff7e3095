"""A contract small enough to show what Fabric itself does: one function for each behaviour."""

import threading

from hlf_chaincode import (
    Context,
    ContractError,
    Private,
    key_policy,
    majority_of,
    parse_policy,
    query,
    transaction,
)

from .shim_calls import ShimCalls


class Records(ShimCalls):
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

    @transaction
    def lock_to_majority(self, ctx: Context, key: str, owners: list[str]) -> None:
        """From now on more than half of those organizations' peers endorse changes of the key."""
        ctx.state.set_policy(key, majority_of(owners).to_bytes())

    @transaction
    def lock_by(self, ctx: Context, key: str, policy: str) -> None:
        """From now on changes of the key are endorsed as the policy says, in Fabric's own words."""
        ctx.state.set_policy(key, parse_policy(policy).to_bytes())

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

    @transaction
    def fill(self, ctx: Context, prefix: str, count: int) -> int:
        """Write many keys at once."""
        for number in range(count):
            ctx.state.put(f"{prefix}{number:04d}", str(number).encode())
        return count

    @transaction
    def fill_pairs(self, ctx: Context, kind: str, first: str, count: int) -> int:
        """Write many composite keys at once."""
        for number in range(count):
            ctx.state.put(ctx.composite_key(kind, [first, f"{number:04d}"]), b"x")
        return count

    @query
    def pairs(self, ctx: Context, kind: str, first: str) -> int:
        """How many composite keys begin so."""
        return sum(1 for _ in ctx.state.by_partial_key(kind, [first]))

    @transaction
    def count_pairs(self, ctx: Context, kind: str, first: str, target: str) -> int:
        """Write how many composite keys begin so."""
        found = sum(1 for _ in ctx.state.by_partial_key(kind, [first]))
        ctx.state.put(target, str(found).encode())
        return found

    @query
    def page(self, ctx: Context, start: str, end: str, size: int, bookmark: str) -> list[str]:
        """The keys of one page of a range, and the bookmark of the next."""
        page = ctx.state.range_page(start, end, size, bookmark)
        return [*(entry.key for entry in page.items), f"next {page.bookmark}"]

    @query
    def page_pairs(self, ctx: Context, kind: str, first: str, size: int) -> list[int]:
        """How many composite keys one page has, and whether there is another."""
        page = ctx.state.by_partial_key_page(kind, [first], size)
        return [len(page.items), int(bool(page.bookmark))]

    @transaction
    def page_then_put(self, ctx: Context, start: str, end: str) -> int:
        """Write after a paginated query."""
        found = len(ctx.state.range_page(start, end, 2).items)
        ctx.state.put(start, b"after")
        return found

    @transaction
    def put_then_page(self, ctx: Context, start: str, end: str) -> int:
        """Ask for a page after a write."""
        ctx.state.put(start, b"before")
        return len(ctx.state.range_page(start, end, 2).items)

    @transaction
    def put_then_get(self, ctx: Context, key: str, value: str) -> str:
        """Read one's own write."""
        ctx.state.put(key, value.encode())
        return (ctx.state.get(key) or b"nothing").decode()

    @transaction
    def put_twice(self, ctx: Context, key: str, first: str, second: str) -> str:
        """Write a key twice: the later write counts."""
        ctx.state.put(key, first.encode())
        ctx.state.put(key, second.encode())
        return second

    @query
    def several(self, ctx: Context, keys: list[str]) -> list[str | None]:
        """The values of several keys."""
        found = ctx.state.get_many(keys)
        return [None if value is None else value.decode() for value in found]

    @query
    def changes(self, ctx: Context, key: str) -> list[str]:
        """The values that a key had, newest first."""
        return [(change.value or b"deleted").decode() for change in ctx.state.history(key)]

    @query
    def rich(self, ctx: Context, selector: str) -> list[str]:
        """The keys that a CouchDB query finds."""
        return [entry.key for entry in ctx.state.query(selector)]

    @query
    def policy(self, ctx: Context, key: str) -> int:
        """The size of a key's own endorsement policy; 0 when it has none."""
        return len(ctx.state.get_policy(key) or b"")

    @query
    def shared_keys(self, ctx: Context, collection: str, start: str, end: str) -> list[str]:
        """The keys in a range of a collection."""
        return [entry.key for entry in ctx.private(collection).range(start, end)]

    @query
    def shared_several(self, ctx: Context, collection: str, keys: list[str]) -> list[str | None]:
        """The values of several private keys."""
        found = ctx.private(collection).get_many(keys)
        return [None if value is None else value.decode() for value in found]

    @query
    def shared_rich(self, ctx: Context, collection: str, selector: str) -> list[str]:
        """The keys of a collection that a CouchDB query finds."""
        return [entry.key for entry in ctx.private(collection).query(selector)]

    @transaction
    def shared_keys_then_put(self, ctx: Context, collection: str, start: str, end: str) -> int:
        """Write after a range query of a collection."""
        found = sum(1 for _ in ctx.private(collection).range(start, end))
        ctx.state.put(start, b"after")
        return found

    @transaction
    def put_then_shared_keys(self, ctx: Context, collection: str, start: str, end: str) -> int:
        """Ask for a range of a collection after a write."""
        ctx.state.put(start, b"before")
        return sum(1 for _ in ctx.private(collection).range(start, end))

    @transaction
    def withdraw(self, ctx: Context, collection: str, key: str) -> None:
        """Delete a private value."""
        ctx.private(collection).delete(key)

    @transaction
    def add_shared(self, ctx: Context, collection: str, key: str, amount: Private[int]) -> int:
        """Read, change and write a private value."""
        total = int(ctx.private(collection).get(key) or b"0") + amount
        ctx.private(collection).put(key, str(total).encode())
        return 0

    @transaction
    def lock_shared(self, ctx: Context, collection: str, key: str, owner: str) -> None:
        """From now on only that organization's peer endorses changes of the private key."""
        ctx.private(collection).set_policy(key, key_policy([owner]))

    @transaction
    def confirm(self, ctx: Context, collection: str, key: str, target: str) -> str:
        """Write down the hash of a private value: the hash is read, and must not change meanwhile."""
        value = (ctx.private(collection).hash(key) or b"").hex()
        ctx.state.put(target, value.encode())
        return value

    @transaction
    def call_any(self, ctx: Context, chaincode: str, args: list[str], channel: str) -> str:
        """Call another chaincode with any arguments."""
        return ctx.invoke(chaincode, args, channel=channel).decode(errors="replace")

    @query
    def wait(self, ctx: Context, milliseconds: int) -> str:
        """Answer late."""
        threading.Event().wait(milliseconds / 1000)
        return "at last"

    @transaction
    def share_and_put(self, ctx: Context, collection: str, key: str, value: Private[str]) -> str:
        """Write a private value without reading one, and a public one beside it."""
        ctx.private(collection).put(key, value.encode())
        ctx.state.put(key, b"public")
        return key

    @transaction
    def size(self, ctx: Context, key: str, kilobytes: int) -> str:
        """Answer with a large payload."""
        ctx.state.put(key, b"x")
        return "x" * (kilobytes * 1024)
