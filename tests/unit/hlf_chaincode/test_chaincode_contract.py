"""Contracts: names, hooks, initialization, who may call, and what they say of themselves."""

from __future__ import annotations

import datetime
import enum
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any

import pydantic
import pytest

from hlf_chaincode import (
    Context,
    Contract,
    ContractError,
    Private,
    owned,
    query,
    requires,
    to_json,
    transaction,
)
from hlf_chaincode.contract import METADATA_FUNCTION, Registry
from hlf_chaincode.testing import Caller, MemoryLedger


class Colour(enum.StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Part:
    weight: Decimal
    parts: list[Part] = field(default_factory=list)


class Asset(pydantic.BaseModel):
    """What is owned."""

    model_config = pydantic.ConfigDict(extra="forbid")

    owner: str
    size: Annotated[int, pydantic.Field(gt=0, le=10)]
    colour: Colour = Colour.RED
    part: Part | None = None


def owner_of(ctx: Context, asset_id: str) -> str | None:
    asset = ctx.state.get_json(asset_id, Asset)
    return asset.owner if asset else None


def even(ctx: Context) -> None:
    if len(ctx.args) % 2:
        raise ContractError("ODD", "an odd number of arguments")


class Assets(Contract):
    """Assets of a test."""

    name = "assets"
    version = "1.2"

    def before(self, ctx: Context) -> None:
        if ctx.function == "hidden":
            raise ContractError("HIDDEN", "refused before anything was read")

    def after(self, ctx: Context, result: Any) -> None:
        if result == "odd":
            raise ContractError("ODD_RESULT", "refused after it ran")

    @transaction
    def create(self, ctx: Context, asset_id: str, asset: Private[Asset]) -> None:
        """Create an asset."""
        ctx.state.put_json(asset_id, asset)

    @transaction
    @owned(owner_of)
    def paint(self, ctx: Context, asset_id: str, colour: Colour, on: datetime.date) -> str:
        return f"{asset_id} {colour} {on}"

    @query
    @owned(owner_of, attribute="holder")
    def held(self, ctx: Context, asset_id: str) -> bool:
        return True

    @query
    @owned(lambda ctx, organizations: organizations, msp=True)
    def shared(self, ctx: Context, organizations: list[str]) -> bool:
        return True

    @query
    @requires(msp=["A", "B"], role="admin")
    @requires(even, attribute={"rank": "captain", "ship": "Nautilus"})
    def command(self, ctx: Context, order: str) -> str:
        return order

    @query
    @requires(attribute="rank")
    def rank(self, ctx: Context) -> str:
        return ctx.client.attribute("rank") or ""

    @query
    def hidden(self, ctx: Context, number: int) -> int:
        return number

    @query(name="Echo")
    def echo(self, ctx: Context, text: str = "odd") -> str:
        return text

    @transaction(init=True)
    def start(self, ctx: Context) -> str:
        return "started"


class Other(Contract):
    @query
    def echo(self, ctx: Context, text: str) -> str:
        return "other " + text

    @query
    def only_here(self, ctx: Context) -> str:
        return ctx.function

    def unknown(self, ctx: Context) -> Any:
        return [ctx.function, *(arg.decode() for arg in ctx.args[1:])]


class Till(Context):
    """What the functions of a test share."""

    @property
    def key(self) -> str:
        return f"{self.channel}/{self.function}"


def solvent(ctx: Context) -> None:
    if ctx.args[1:] == (b"overdrawn",):
        raise OverflowError("no credit")


class Shop(Contract):
    """A contract with a context of its own, whose library raises errors of its own."""

    context = Till

    def before(self, ctx: Context) -> None:
        assert isinstance(ctx, Till)

    def refusal(self, ctx: Context, error: Exception) -> ContractError | None:
        if isinstance(error, ArithmeticError):
            return ContractError("ARITHMETIC", f"{ctx.function}: {error}")
        return None

    @query
    def key(self, ctx: Till) -> str:
        return ctx.key

    @query
    @requires(solvent)
    def quotient(self, ctx: Till, by: str) -> int:
        if by == "refused":
            raise ContractError("REFUSED", "by the contract itself")
        return 1 // int(by)

    def unknown(self, ctx: Context) -> Any:
        return type(ctx).__name__


def shop() -> MemoryLedger:
    return MemoryLedger(organizations=["A"], contracts=[Shop])


@pytest.fixture
def ledger() -> MemoryLedger:
    from hlf_chaincode.testing import ChaincodeSpec

    return MemoryLedger(
        organizations=["A", "B"],
        chaincodes=[ChaincodeSpec("first", [Assets, Other]), ChaincodeSpec("second", [Other, Assets])],
    )


def refusal(call) -> ContractError:
    with pytest.raises(ContractError) as caught:
        call()
    return caught.value


def test_the_first_contract_is_the_default_and_the_others_have_their_names(ledger):
    assert ledger.evaluate("first", "Echo", "x") == "x"
    assert ledger.evaluate("first", "Other:echo", "x") == "other x"
    assert ledger.evaluate("first", "only_here") == "only_here"
    assert ledger.evaluate("second", "echo", "x") == "other x"


def test_a_function_is_called_by_its_name_on_the_wire_alone(ledger):
    assert refusal(lambda: ledger.evaluate_bytes("first", "assets:echo", "x")).code == "UNKNOWN_FUNCTION"


def test_a_contract_may_take_unknown_functions_itself(ledger):
    assert ledger.evaluate_bytes("second", "anything", "a", "b") == b'["anything","a","b"]'
    assert ledger.evaluate_bytes("first", "Other:anything") == b'["anything"]'
    known = refusal(lambda: ledger.evaluate_bytes("first", "anything"))
    assert known.code == "UNKNOWN_FUNCTION"
    assert "Echo(text: str = …) -> str" in known.message
    assert refusal(lambda: ledger.evaluate_bytes("second", "nobody:anything")).code == "UNKNOWN_FUNCTION"


def test_hooks_run_before_arguments_are_read_and_after_the_result_is_there(ledger):
    assert refusal(lambda: ledger.evaluate("first", "hidden", "no number")).code == "HIDDEN"
    assert refusal(lambda: ledger.evaluate("first", "Echo")).code == "ODD_RESULT"


def test_a_contract_has_a_context_of_its_own():
    ledger = shop()
    assert ledger.evaluate(Shop, "key").endswith("/key")
    assert ledger.evaluate_bytes(Shop, "anything") == b"Till"


def test_a_function_asks_for_no_other_context_than_the_contracts():
    class Wrong(Contract):
        @query
        def key(self, ctx: Till) -> str:
            return ctx.key

    with pytest.raises(TypeError, match=r"Wrong\.key: the contract's context is Context, not Till"):
        MemoryLedger(organizations=["A"], contracts=[Wrong])


@pytest.mark.parametrize(
    ("by", "text"),
    [
        ("0", "ARITHMETIC: quotient: integer division or modulo by zero"),
        ("overdrawn", "ARITHMETIC: quotient: no credit"),
        ("refused", "REFUSED: by the contract itself"),
    ],
)
def test_a_contract_says_what_an_error_of_its_library_refuses(by, text):
    ledger = shop()
    assert str(refusal(lambda: ledger.evaluate(Shop, "quotient", by))) == text


def test_what_a_handler_of_unknown_functions_raises_is_asked_about_too():
    class Open(Shop):
        def unknown(self, ctx: Context) -> int:
            return 1 // len(ctx.args[1:])

    ledger = MemoryLedger(organizations=["A"], contracts=[Open])
    assert ledger.evaluate_bytes("Open", "anything", "x") == b"1"
    text = "ARITHMETIC: anything: integer division or modulo by zero"
    assert str(refusal(lambda: ledger.evaluate_bytes("Open", "anything"))) == text


def test_an_error_that_a_contract_takes_for_no_refusal_goes_on():
    ledger = shop()
    with pytest.raises(ValueError, match="invalid literal"):
        ledger.evaluate(Shop, "quotient", "none")


def test_functions_of_the_initialization_are_for_it_alone(ledger):
    assert refusal(lambda: ledger.submit("first", "start")).code == "NOT_INIT"


CAPTAIN = {"rank": "captain", "ship": "Nautilus"}


@pytest.mark.parametrize(
    ("caller", "order", "text"),
    [
        (Caller("C", CAPTAIN, "admin"), "go", "NOT_PERMITTED: this is for msp A or B, not for C"),
        (Caller("A", CAPTAIN), "go", "NOT_PERMITTED: this is for role admin, not for client"),
        (Caller("A", CAPTAIN, ""), "go", "NOT_PERMITTED: this is for role admin, not for none"),
        (
            Caller("A", {"rank": "mate", "ship": "Nautilus"}, "admin"),
            "go",
            "NOT_PERMITTED: the caller's certificate lacks the attribute rank=captain",
        ),
        (
            Caller("A", {"rank": "captain"}, "admin"),
            "go",
            "NOT_PERMITTED: the caller's certificate lacks the attribute ship=Nautilus",
        ),
    ],
)
def test_callers_who_do_not_meet_the_requirements_are_told_which(ledger, caller, order, text):
    assert str(refusal(lambda: ledger.evaluate("first", "command", order, caller=caller))) == text


def test_callers_who_meet_the_requirements_are_admitted(ledger):
    for organization in ("A", "B"):
        caller = Caller(organization, CAPTAIN, "admin")
        assert ledger.evaluate("first", "command", "go", caller=caller) == "go"
    assert ledger.evaluate("first", "rank", caller=Caller("C", {"rank": "mate"})) == "mate"
    assert refusal(lambda: ledger.evaluate("first", "rank")).code == "NOT_PERMITTED"


def test_requirements_come_before_arguments(ledger):
    assert refusal(lambda: ledger.evaluate("first", "command", "one", "too many")).code == "NOT_PERMITTED"


def test_a_check_of_ones_own_is_one_of_the_requirements(ledger):
    captain = Caller("A", CAPTAIN, "admin")
    assert refusal(lambda: ledger.evaluate("first", "command", "a", "b", caller=captain)).code == "ODD"


def test_owners_alone_reach_a_record(ledger):
    mine, yours = Caller("A", name="me"), Caller("A", name="you")
    owner = ledger.evaluate_bytes("first", "Other:whoami", caller=mine)
    assert owner == b'["whoami"]'
    identity = _id(ledger, mine)
    asset = Asset(owner=identity, size=1)
    ledger.submit("first", "create", "a1", transient={"asset": asset}, caller=mine)
    assert ledger.submit("first", "paint", "a1", "red", "2026-02-03", caller=mine) == "a1 red 2026-02-03"
    assert str(refusal(lambda: ledger.submit("first", "paint", "a1", "red", "2026-02-03", caller=yours))) == (
        "NOT_OWNER: the caller does not own this record"
    )
    assert (
        refusal(lambda: ledger.submit("first", "paint", "a2", "red", "2026-02-03", caller=mine)).code
        == "NOT_OWNER"
    )


def test_owners_by_attribute_and_by_organization(ledger):
    ledger.submit("first", "create", "a1", transient={"asset": Asset(owner="h-1", size=1)})
    assert ledger.evaluate("first", "held", "a1", caller=Caller("B", {"holder": "h-1"}))
    for caller in (Caller("B", {"holder": "h-2"}), Caller("B")):
        assert (
            refusal(lambda who=caller: ledger.evaluate("first", "held", "a1", caller=who)).code == "NOT_OWNER"
        )
    assert ledger.evaluate("first", "shared", ["B", "A"], caller=Caller("B"))
    assert refusal(lambda: ledger.evaluate("first", "shared", ["A"], caller=Caller("B"))).code == "NOT_OWNER"


def _id(ledger: MemoryLedger, caller: Caller) -> str:
    from fabric_protos.msp import identities_pb2

    from hlf_chaincode import ClientIdentity

    pem = ledger.certificate(caller)
    return ClientIdentity(identities_pb2.SerializedIdentity(id_bytes=pem).SerializeToString()).id


def test_what_json_would_quote_comes_with_or_without_quotes():
    paint = Registry([Assets]).find("paint")
    for colour, day in ((b"red", b"2026-02-03"), (b'"red"', b'"2026-02-03"')):
        values = paint.arguments([b"a", colour, day], {})
        assert values == {"asset_id": "a", "colour": Colour.RED, "on": datetime.date(2026, 2, 3)}
    assert refusal(lambda: paint.arguments([b"a", b"blue", b"2026-02-03"], {})).message.startswith(
        'colour: expected one of "red"; signature: paint(asset_id: str, colour: Colour, on: date) -> str'
    )


class Unowned(Contract):
    @query
    @owned(lambda ctx, record_id: None)
    def read(self, ctx: Context, other_id: str) -> None: ...


class Doubled(Contract):
    @query(name="same")
    def one(self, ctx: Context) -> None: ...

    @query(name="same")
    def two(self, ctx: Context) -> None: ...


def test_contradictions_show_when_the_registry_is_built():
    with pytest.raises(
        TypeError, match=r"Unowned\.read: the owner is told by record_id, which is no parameter"
    ):
        Registry([Unowned])
    with pytest.raises(ValueError, match="two functions of Doubled are named 'same'"):
        Registry([Doubled])
    with pytest.raises(ValueError, match="names no condition"):
        requires()
    with pytest.raises(ValueError, match="by an attribute or by an organization"):
        owned(owner_of, attribute="holder", msp=True)


# Metadata

_SCHEMA_WORDS = {
    *("$ref", "format", "title", "description", "default", "multipleOf", "maximum", "exclusiveMaximum"),
    *("minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern", "maxItems", "minItems"),
    *("uniqueItems", "maxProperties", "minProperties", "required", "enum", "additionalProperties", "type"),
    *("items", "allOf", "properties", "discriminator", "readOnly", "example"),
}
"""All that a schema may hold by fabric-contract-api's contract-schema.json."""


def check_schema(schema: dict[str, Any], components: dict[str, Any]) -> None:
    assert schema.keys() <= _SCHEMA_WORDS | {"$id"}
    if "$ref" in schema:
        assert schema["$ref"].rpartition("/")[2] in components
    items = schema.get("items", [])
    inner = [*(items if isinstance(items, list) else [items]), *schema.get("properties", {}).values()]
    if isinstance(schema.get("additionalProperties"), dict):
        inner.append(schema["additionalProperties"])
    for one in inner:
        check_schema(one, components)


def test_metadata_has_the_form_that_fabrics_tools_read(ledger):
    described = json.loads(ledger.evaluate_bytes("first", METADATA_FUNCTION))
    components = described["components"]["schemas"]
    assert described["info"] == {"title": "assets", "version": "1.2"}
    assert list(described["contracts"]) == ["assets", "Other", "org.hyperledger.fabric"]
    for name, contract in described["contracts"].items():
        assert contract["name"] == name
        assert contract["info"].keys() >= {"title", "version"}
        for function in contract["transactions"]:
            for parameter in function.get("parameters", []):
                assert parameter.keys() <= {"name", "description", "required", "schema"}
                check_schema(parameter["schema"], components)
            check_schema(function.get("returns", {}), components)
    for name, component in components.items():
        assert component["$id"] == name
        assert component["properties"]
        check_schema(component, components)


def test_metadata_tells_types_and_who_may_call():
    described = Registry([Assets, Other]).metadata()
    to_json(described)
    assets = described["contracts"]["assets"]
    assert assets["default"] is True
    assert described["contracts"]["Other"]["default"] is False
    assert assets["info"] == {"title": "assets", "version": "1.2", "description": "Assets of a test."}
    functions = {one["name"]: one for one in assets["transactions"]}
    assert functions["create"] == {
        "name": "create",
        "tag": ["submit", "SUBMIT"],
        "description": "Create an asset.",
        "parameters": [{"name": "asset_id", "required": True, "schema": {"type": "string"}}],
        "transient": [{"name": "asset", "required": True, "schema": {"$ref": "#/components/schemas/Asset"}}],
        "signature": "create(asset_id: str, asset: Private[Asset]) -> None",
    }
    assert functions["paint"]["requires"] == ["owner by id"]
    assert [one["schema"] for one in functions["paint"]["parameters"]] == [
        {"type": "string"},
        {"type": "string", "enum": ["red"]},
        {"type": "string", "format": "date"},
    ]
    assert functions["command"]["requires"] == [
        "msp A or B",
        "role admin",
        "attribute rank=captain",
        "attribute ship=Nautilus",
        "even",
    ]
    assert functions["Echo"]["tag"] == ["evaluate", "EVALUATE"]
    assert functions["Echo"]["parameters"][0]["required"] is False
    asset = described["components"]["schemas"]["Asset"]
    assert asset["properties"]["size"] == {"type": "integer", "minimum": 1, "maximum": 10}
    assert asset["properties"]["part"] == {"$ref": "Part"}
    assert asset["additionalProperties"] is False
    part = described["components"]["schemas"]["Part"]
    assert part["properties"] == {
        "weight": {"type": "string", "pattern": r"^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$"},
        "parts": {"type": "array", "items": {"$ref": "Part"}},
    }


# The context


class Shim(Contract):
    @query
    def peer(self, ctx: Context) -> str:
        return ctx.peer_msp_id

    @query
    def arguments(self, ctx: Context, one: str, two: str) -> list[Any]:
        return [ctx.function_and_parameters, ctx.string_args, ctx.args_slice, ctx.is_init]

    @query
    @requires(lambda ctx: ctx.arguments["number"] > 0 or even(ctx))
    def positive(self, ctx: Context, number: int, secret: Private[str] = "") -> list[Any]:
        return sorted(ctx.arguments.items())

    @query
    def caller(self, ctx: Context) -> bool:
        return ctx.creator == ctx.client.serialized


def test_the_context_tells_whose_peer_endorses():
    ledger = MemoryLedger(organizations=["A", "B"], contracts=[Shim])
    assert [ledger.evaluate(Shim, "peer", peer=one) for one in ("A", "B")] == ["A", "B"]


def test_checks_find_the_arguments_that_a_call_is_about():
    ledger = MemoryLedger(organizations=["A"], contracts=[Shim])
    assert ledger.evaluate_bytes(Shim, "positive", 1) == b'[["number",1]]'
    shown = ledger.evaluate_bytes(Shim, "positive", 1, transient={"secret": "s"})
    assert shown == b'[["number",1],["secret","s"]]'
    assert refusal(lambda: ledger.evaluate(Shim, "positive", "one")).code == "INVALID_ARGUMENT"


def test_the_context_gives_the_arguments_in_every_form():
    ledger = MemoryLedger(organizations=["A"], contracts=[Shim])
    assert json.loads(ledger.evaluate_bytes(Shim, "arguments", "a", "b")) == [
        ["arguments", ["a", "b"]],
        ["arguments", "a", "b"],
        "YXJndW1lbnRzYWI=",
        False,
    ]
    assert ledger.evaluate(Shim, "caller") is True


def test_a_long_list_of_functions_is_cut_to_what_a_status_carries():
    def function(number: int) -> Any:
        def call(self: Contract, ctx: Context, what: str) -> str:
            return what

        call.__name__ = f"function_with_a_long_name_{number}"
        return query(call)

    members = {f"function_with_a_long_name_{number}": function(number) for number in range(200)}
    wide = type("Wide", (Contract,), members)
    with pytest.raises(ContractError) as caught:
        Registry([wide]).find("function_with_a_long_nam_7")
    assert "known: function_with_a_long_name_7(what: str) -> str" in caught.value.message
    assert len(caught.value.message) < 1100
