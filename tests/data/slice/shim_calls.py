"""What the shim offers beyond the plain calls: one function for each method, and what it was given."""

import hashlib

from hlf_chaincode import Context, Contract, PeerError, query, transaction


class ShimCalls(Contract):
    """The proposal as the contract sees it, composite keys, pages to their end, large values."""

    @query
    def seen(self, ctx: Context, first: str = "", second: bytes = b"") -> dict[str, object]:
        """Everything that a call says of itself; bytes as hex."""
        function, *parameters = [argument.decode(errors="replace") for argument in ctx.args]
        signed = ctx.signed_proposal
        return {
            "args": [argument.hex() for argument in ctx.args],
            "function": function,
            "parameters": parameters,
            "joined": b"".join(ctx.args).hex(),
            "typed": [first, second.hex()],
            "transaction_id": ctx.transaction_id,
            "channel": ctx.channel,
            "timestamp": ctx.timestamp.isoformat(),
            "creator": ctx.client.serialized.hex(),
            "binding": ctx.binding.hex(),
            "transient": {name: value.hex() for name, value in sorted(ctx.transient.items())},
            "decorations": {name: value.hex() for name, value in sorted(ctx.decorations.items())},
            "proposal": hashlib.sha256(signed.proposal_bytes).hexdigest(),
            "signature": signed.signature.hex(),
        }

    @query
    def where(self, ctx: Context, first: str = "") -> list[str]:
        """The channel and the caller, as a called chaincode sees them."""
        return [ctx.channel, ctx.client.msp_id, first, *(argument.decode() for argument in ctx.args)]

    @query
    def peek(self, ctx: Context, key: str) -> str | None:
        """A public value, or nothing."""
        value = ctx.state.get(key)
        return None if value is None else value.decode()

    @transaction
    def put_pair(self, ctx: Context, kind: str, parts: list[str]) -> list[str]:
        """Write a composite key, and give what it is made of again."""
        key = ctx.composite_key(kind, parts)
        ctx.state.put(key, b"x")
        object_type, attributes = ctx.split_composite_key(key)
        return [object_type, *attributes]

    @query
    def join(self, ctx: Context, kind: str, parts: list[str]) -> list[int]:
        """A composite key as its code points."""
        return [ord(character) for character in ctx.composite_key(kind, parts)]

    @query
    def split(self, ctx: Context, key: str) -> list[str]:
        """The parts of a composite key."""
        object_type, attributes = ctx.split_composite_key(key)
        return [object_type, *attributes]

    @query
    def list_pairs(self, ctx: Context, kind: str, parts: list[str]) -> list[list[str]]:
        """The attributes of the composite keys that begin so."""
        return [ctx.split_composite_key(entry.key)[1] for entry in ctx.state.by_partial_key(kind, parts)]

    @query
    def walk(self, ctx: Context, start: str, end: str, size: int) -> list[list[str]]:
        """The keys of a range, page by page."""
        pages, bookmark = [], ""
        while True:
            page = ctx.state.range_page(start, end, size, bookmark)
            pages.append([entry.key for entry in page.items])
            bookmark = page.bookmark
            if not bookmark:
                return pages

    @query
    def walk_pairs(self, ctx: Context, kind: str, first: str, size: int) -> list[int]:
        """How many composite keys that begin so each page has."""
        sizes, bookmark = [], ""
        while True:
            page = ctx.state.by_partial_key_page(kind, [first], size, bookmark)
            sizes.append(len(page.items))
            bookmark = page.bookmark
            if not bookmark:
                return sizes

    @query
    def all_pairs_page(self, ctx: Context, size: int) -> list[bool]:
        """Of one page of all composite keys: whether it is full, of composite keys alone, and followed."""
        page = ctx.state.all_composite_page(size)
        composite = all(entry.key.startswith("\x00") for entry in page.items)
        return [len(page.items) == size, composite, bool(page.bookmark)]

    @query
    def rich_page(self, ctx: Context, selector: str, size: int) -> list[str]:
        """The keys of one page of a CouchDB query."""
        return [entry.key for entry in ctx.state.query_page(selector, size).items]

    @query
    def times(self, ctx: Context, key: str) -> list[str]:
        """Of every change of a key whether it deleted, and whether it has an id and a time."""
        return [
            f"{'deleted' if change.deleted else 'written'} {len(change.transaction_id)} "
            f"{change.timestamp.tzname()} {change.timestamp <= ctx.timestamp}"
            for change in ctx.state.history(key)
        ]

    @query
    def leave(self, ctx: Context, start: str, end: str) -> list[str]:
        """The first key of each of two ranges that are left before their end."""
        first = next(iter(ctx.state.range(start, end))).key
        second = next(iter(ctx.state.range(start, end))).key
        return [first, second, (ctx.state.get(first) or b"nothing").decode()]

    @transaction
    def unlock(self, ctx: Context, key: str) -> None:
        """Take a key's own policy away: the chaincode's counts again."""
        ctx.state.set_policy(key, b"")

    @transaction
    def mend(self, ctx: Context, prefix: str) -> int:
        """Writes of every kind, in an order that matters."""
        ctx.state.put(f"{prefix}1", b"one")
        ctx.state.delete(f"{prefix}1")
        ctx.state.put(f"{prefix}2", b"one")
        ctx.state.put(f"{prefix}2", b"two")
        ctx.state.delete(f"{prefix}3")
        ctx.state.put(f"{prefix}3", b"three")
        return 3

    @transaction
    def write_unknown(self, ctx: Context, key: str) -> str:
        """Write into a collection that is not there, and take the refusal for an answer."""
        try:
            with ctx.write_batch():
                ctx.private("nothing").put(key, b"x")
        except PeerError as refusal:
            return str(refusal)
        return "accepted"

    @transaction
    def share_pairs(self, ctx: Context, collection: str, kind: str, first: str, count: int) -> int:
        """Write private composite keys."""
        for number in range(count):
            ctx.private(collection).put(ctx.composite_key(kind, [first, f"{number:04d}"]), b"x")
        return count

    @query
    def shared_pairs(self, ctx: Context, collection: str, kind: str, first: str) -> list[list[str]]:
        """The attributes of the private composite keys that begin so."""
        found = ctx.private(collection).by_partial_key(kind, [first])
        return [ctx.split_composite_key(entry.key)[1] for entry in found]

    @query
    def shared_policy(self, ctx: Context, collection: str, key: str) -> int:
        """The size of a private key's own endorsement policy; 0 when it has none."""
        return len(ctx.private(collection).get_policy(key) or b"")

    @transaction
    def announce_twice(self, ctx: Context, first: str, second: str) -> None:
        """Set the event twice."""
        ctx.emit(first)
        ctx.emit(second)

    @query
    def large(self, ctx: Context, value: bytes) -> list[int]:
        """How large an argument is that arrived."""
        return [len(value), len(ctx.args[1])]

    @transaction
    def put_large(self, ctx: Context, key: str, kilobytes: int) -> int:
        """Write a value of that size."""
        ctx.state.put(key, b"x" * (kilobytes * 1024))
        return kilobytes
