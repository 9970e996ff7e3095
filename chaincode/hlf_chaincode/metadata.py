"""What a chaincode offers, in the form that Fabric's tools read: contracts, functions, JSON schemas.

The form is that of the contract API's metadata (``contract-schema.json`` of fabric-contract-api): JSON schema
of draft 4 without ``anyOf``, objects under ``components.schemas``, which refer to each other by ``$id``. What
is private comes with the transient field and is no parameter there: it stands under ``transient``, next to
``requires`` (who may call) and ``signature``.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from .values.codec import base_type

if TYPE_CHECKING:
    from .functions import Function, Parameter

METADATA_FUNCTION = "org.hyperledger.fabric:GetMetadata"

_SCHEMA = "https://hyperledger.github.io/fabric-chaincode-node/main/api/contract-schema.json"
_REFERENCE = "#/components/schemas/"
_KEPT = frozenset(
    {
        *(
            "$ref",
            "format",
            "description",
            "maximum",
            "minimum",
            "multipleOf",
            "maxLength",
            "minLength",
            "pattern",
        ),
        *(
            "maxItems",
            "minItems",
            "uniqueItems",
            "maxProperties",
            "minProperties",
            "required",
            "enum",
            "type",
        ),
    }
)

# Readers refuse a schema with a format that they do not know.
_FORMATS = frozenset({"date", "date-time", "time", "uuid"})
# A JSON number, as text.
_DECIMAL = r"^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$"

Schema = dict[str, Any]


class Described(Protocol):
    """What of a contract goes into its metadata."""

    version: str


def describe(contracts: Mapping[str, Described], functions: Iterable[Function]) -> dict[str, Any]:
    """The metadata of a chaincode: the first contract is its default."""
    listed = list(functions)
    schemas = _Schemas(
        annotation
        for function in listed
        for annotation in (function.returns, *(parameter.annotation for parameter in function.parameters))
    )
    found: dict[str, Any] = {}
    for name, contract in contracts.items():
        found[name] = {
            "name": name,
            "default": not found,
            "info": _info(name, contract.version, inspect.getdoc(type(contract)) or ""),
            "transactions": [_transaction(one, schemas) for one in listed if one.contract == name],
        }
    default = next(iter(contracts))
    system, _, function_name = METADATA_FUNCTION.partition(":")
    found[system] = {
        "name": system,
        "info": _info(system, "", ""),
        "transactions": [{"name": function_name, "tag": _tag(True), "returns": {"type": "string"}}],
    }
    return {
        "$schema": _SCHEMA,
        "info": _info(default, contracts[default].version, ""),
        "contracts": found,
        "components": {"schemas": schemas.components},
    }


def _info(title: str, version: str, description: str) -> dict[str, str]:
    info = {"title": title, "version": version or "latest"}
    return {**info, "description": description} if description else info


def _tag(read_only: bool) -> list[str]:
    # Tools look for either spelling.
    return ["evaluate", "EVALUATE"] if read_only else ["submit", "SUBMIT"]


def _transaction(function: Function, schemas: _Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": function.name,
        "tag": _tag(function.read_only),
        "parameters": [_parameter(one, schemas) for one in function.parameters if not one.private],
    }
    returns = base_type(function.returns)
    if returns is not None and returns is not type(None):
        described["returns"] = schemas.of(function.returns)
    if document := inspect.getdoc(function.call):
        described["description"] = document
    if private := [_parameter(one, schemas) for one in function.parameters if one.private]:
        described["transient"] = private
    checks = [one.text for one in function.requirements] + [
        f"owner by {one.text}" for one in function.ownerships
    ]
    if checks:
        described["requires"] = checks
    return {**described, "signature": function.signature}


def _parameter(parameter: Parameter, schemas: _Schemas) -> dict[str, Any]:
    schema = {"type": "string"} if parameter.raw is bytes else schemas.of(parameter.annotation)
    return {"name": parameter.name, "required": parameter.required, "schema": schema}


class _Schemas:
    """The schemas of annotations, and the objects that they refer to."""

    def __init__(self, annotations: Iterable[Any]) -> None:
        # Imported here: contracts without models start without paying for pydantic.
        from pydantic import TypeAdapter

        self._annotations = [one for one in annotations if one not in (None, inspect.Signature.empty)]
        inputs = [(index, "validation", TypeAdapter(one)) for index, one in enumerate(self._annotations)]
        made, rest = TypeAdapter.json_schemas(inputs, ref_template=_REFERENCE + "{model}")  # type: ignore[arg-type]
        self._definitions: dict[str, Schema] = rest.get("$defs", {})
        self._made = {key[0]: schema for key, schema in made.items()}
        self.components = {
            name: {"$id": name, **self._draft4(schema, inside=True)}
            for name, schema in self._definitions.items()
            if "properties" in schema
        }

    def of(self, annotation: Any) -> Schema:
        """The schema of one of the annotations; that of anything where there is none."""
        if annotation not in self._annotations:
            return {}
        return self._draft4(self._made[self._annotations.index(annotation)])

    def _draft4(self, schema: Schema, *, inside: bool = False) -> Schema:
        """The schema as draft 4, without what the contract API's form has no place for.

        ``inside`` one of the components a reference is to another's ``$id``: theirs is the base that readers
        resolve it from.
        """
        reference = schema.get("$ref", "")
        inlined = self._definitions.get(reference.removeprefix(_REFERENCE), {})
        if inlined and "properties" not in inlined:
            return self._draft4(inlined, inside=inside)
        if reference:
            return {"$ref": reference.removeprefix(_REFERENCE) if inside else reference}
        choices = schema.get("anyOf") or schema.get("oneOf")
        if choices:
            return self._choice(choices, schema, inside)

        def inner(part: Schema) -> Schema:
            return self._draft4(part, inside=inside)

        kept = {name: value for name, value in schema.items() if name in _KEPT}
        if kept.get("format") not in _FORMATS:
            kept.pop("format", None)
        if "const" in schema:
            kept["enum"] = [schema["const"]]
        # An exclusive bound is a boolean to some of the form's readers and a number to others.
        if "exclusiveMinimum" in schema:
            kept["minimum"] = math.floor(schema["exclusiveMinimum"]) + 1
        if "exclusiveMaximum" in schema:
            kept["maximum"] = math.ceil(schema["exclusiveMaximum"]) - 1
        if "prefixItems" in schema:
            kept["items"] = [inner(item) for item in schema["prefixItems"]]
        elif "items" in schema:
            kept["items"] = inner(schema["items"])
        if isinstance(schema.get("additionalProperties"), dict):
            kept["additionalProperties"] = inner(schema["additionalProperties"])
        elif "additionalProperties" in schema:
            kept["additionalProperties"] = schema["additionalProperties"]
        if "properties" in schema:
            kept["properties"] = {name: inner(part) for name, part in schema["properties"].items()}
        return {name: int(value) if isinstance(value, float) else value for name, value in kept.items()}

    def _choice(self, choices: list[Schema], schema: Schema, inside: bool) -> Schema:
        nullable = any(choice.get("type") == "null" for choice in choices)
        found = [choice for choice in choices if choice.get("type") != "null"]
        kinds = [choice.get("type") for choice in found]
        if kinds == ["number", "string"]:
            # A Decimal: written as text, read from a number too.
            return {"type": ["string", "null"] if nullable else "string", "pattern": _DECIMAL}
        if len(found) == 1:
            only = self._draft4(found[0], inside=inside)
            # A reference stands alone in this form: that the object may be null cannot be said.
            return {**only, "type": [only["type"], "null"]} if nullable and "type" in only else only
        discriminator = schema.get("discriminator", {}).get("propertyName")
        if discriminator:
            return {"type": "object", "discriminator": discriminator}
        simple = [kind for kind in kinds if isinstance(kind, str)]
        if len(simple) != len(found):
            return {}
        return {"type": [*simple, "null"] if nullable else simple}
