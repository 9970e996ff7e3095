"""A Fabric CA's affiliations (lib/serveraffiliations.go and lib/dbaccessor.go of fabric-ca)."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hlf_emulator.ca import requests as ca_requests
from hlf_emulator.ca.call import Call
from hlf_emulator.ca.errors import (
    ADD_AFFILIATION,
    MODIFY_AFFILIATION,
    CaError,
    NoAnswer,
    not_found,
    unauthorized,
    unexpected,
)
from hlf_emulator.ca.identity import AFFILIATION, Attribute, Identity
from hlf_emulator.ca.registrar import describe
from hlf_emulator.go.values import GoValueError, parse_bool

_NO_AFFILIATIONS = 16


def affiliations(call: Call) -> dict[str, Any]:
    """GET affiliations: the caller's and all below it, with what stands above it."""
    tree: dict[str, Any] = {}
    for name in call.store.affiliations(call.caller.affiliation):
        branch = tree
        for part in name.split("."):
            branch = branch.setdefault(part, {})
    if not tree:
        raise CaError(404, _NO_AFFILIATIONS, "No affiliations are configured on the CA")
    shown = _branch(tree, ())
    if len(tree) == 1:
        shown = shown["affiliations"][0]
    return {**shown, "caname": call.ca_name()}


def _branch(tree: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": ".".join(path)}
    if tree:
        shown["affiliations"] = [_branch(below, (*path, name)) for name, below in tree.items()]
    return shown


def affiliation(call: Call) -> dict[str, Any]:
    """GET affiliations/NAME."""
    call.require_within(call.variable)
    _require(call, call.variable)
    return _response(call, call.store.affiliations(call.variable), ())


def add_affiliation(call: Call) -> dict[str, Any]:
    """POST affiliations; ``force`` makes those above it too."""
    call.adds = True
    name = call.read(ca_requests.ADD_AFFILIATION)["name"]
    if call.store.has_affiliation(name):
        raise CaError(409, ADD_AFFILIATION, "Affiliation already exists")
    call.require_within(name)
    parts = name.split(".")
    if call.flag("force"):
        call.store.add_affiliations([".".join(parts[: end + 1]) for end in range(len(parts))])
    else:
        if len(parts) > 1:
            _require(call, ".".join(parts[:-1]))
        call.store.add_affiliations([name])
    return {"name": name, "caname": call.ca_name()}


def rename_affiliation(call: Call) -> dict[str, Any]:
    """PUT affiliations/NAME: it and all below it; ``force`` moves identities along."""
    before = call.variable
    after = call.read(ca_requests.MODIFY_AFFILIATION)["name"]
    call.require_within(before)
    call.require_within(after)
    force = _force(call)
    registrar = call.require_registrar()
    _require(call, before)
    if call.store.has_affiliation(after):
        # Fabric CA takes this for success with no result, and dies of having none.
        raise NoAnswer
    members = [each for name in call.store.affiliations(before) for each in _members(call, name)]
    if members and not registrar:
        raise unauthorized()
    if members and not force:
        names = ",".join(each.name for each in members if each.affiliation == members[0].affiliation)
        raise CaError(
            400,
            MODIFY_AFFILIATION,
            f"The request to modify affiliation '{before}' has the following identities associated: {names}. "
            "Need to use 'force' to remove identities and affiliation",
        )
    moved = [_moved(each, before, after) for each in members]
    try:
        call.store.rename_affiliation(before, after, moved)
    except sqlite3.IntegrityError as error:
        # A name below the new one is taken: another death of Fabric CA's handler.
        raise NoAnswer from error
    return _response(call, call.store.affiliations(after), moved)


def _members(call: Call, name: str) -> list[Identity]:
    return [each for each in call.store.affiliated(name) if each.affiliation == name]


def _moved(identity: Identity, before: str, after: str) -> Identity:
    affiliation = identity.affiliation.replace(before, after, 1)
    return replace(identity, affiliation=affiliation).changed([Attribute(AFFILIATION, affiliation)])


def _force(call: Call) -> bool:
    text = call.query.get("force", "")
    try:
        return bool(text) and parse_bool(text)
    except GoValueError as error:
        raise CaError(
            400, ADD_AFFILIATION, f"The 'force' query parameter value must be a boolean: {error}"
        ) from error


def remove_affiliation(call: Call) -> dict[str, Any]:
    """DELETE affiliations/NAME, where the CA allows it; ``force`` takes what is below and its identities."""
    name = call.variable
    if not call.authority.removal or call.caller.affiliation == name:
        raise unauthorized()
    call.require_within(name)
    force = call.flag("force")
    registrar = call.require_registrar()
    _require(call, name)
    members, names = call.store.affiliated(name), call.store.affiliations(name)
    if (members and not (registrar and force)) or (len(names) > 1 and not force):
        raise unauthorized()
    call.store.remove_affiliation(name)
    return _response(call, names, members)


def _require(call: Call, name: str) -> None:
    if not call.store.has_affiliation(name):
        raise not_found("affiliation")


def _response(call: Call, names: Sequence[str], members: Sequence[Identity]) -> dict[str, Any]:
    roots = [name for name in names if not any(_below(other, name) for other in names)]
    if not roots:
        return {"name": "", "caname": call.ca_name()}
    if len(roots) > 1:
        raise unexpected(f"multiple root affiliations found: [{' '.join(roots)}]")
    return {**_fill(roots[0], list(names), len(names), members), "caname": call.ca_name()}


def _fill(name: str, names: list[str], length: int, members: Sequence[Identity]) -> dict[str, Any]:
    """An affiliation with its identities and what is below it.

    The names are taken from a list that all calls share while each keeps its own ``length``, as Go's slices
    do: with two branches, Fabric CA repeats some of the last.
    """
    shown: dict[str, Any] = {"name": name}
    below = []
    while True:
        at = next((index for index in range(length) if _below(name, names[index])), None)
        if at is None:
            break
        child = names[at]
        names[at : length - 1] = names[at + 1 : length]
        length -= 1
        below.append(_fill(child, names, length, members))
    if below:
        shown["affiliations"] = below
    own = [describe(each) for each in members if each.affiliation == name]
    if own:
        shown["identities"] = own
    return shown


def _below(name: str, child: str) -> bool:
    return child.startswith(f"{name}.") and child.count(".") == name.count(".") + 1
