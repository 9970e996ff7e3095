"""`topology.yaml`: what people write, checked, with the field and the line in every complaint."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
import yaml

from hlf.errors import ConfigurationError
from hlf_network.policies import Policy, PolicyError, parse

FieldPath = Sequence[str | int]
# libyaml where PyYAML was built with it, as its wheels are: several times faster.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _compose(text: str) -> yaml.Node | None:
    """The document's nodes, which know their lines."""
    try:
        return yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError:
        # The pure parser says better what is wrong, and where.
        return yaml.compose(text, Loader=yaml.SafeLoader)


class Source:
    """A YAML file that remembers where each field stands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"cannot be read: {error.strerror}", file=str(path), hint="name a topology with --topology"
            ) from error
        try:
            self._root = _compose(text)
            self._refuse_repeated_keys(self._root)
            # After the look at its keys: construction merges what `<<` names into the nodes.
            self.data: Any = None
            if self._root is not None:
                self.data = yaml.constructor.SafeConstructor().construct_document(self._root)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise ConfigurationError(f"not YAML: {error.problem}", file=f"{path}:{line}") from error

    def line(self, where: FieldPath) -> int:
        """The line of a field, or of the nearest one above it that exists."""
        node = self._root
        line = 1
        for step in where:
            following = None
            if isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    if key.value == str(step):
                        line, following = key.start_mark.line + 1, value
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                following = node.value[step]
                line = following.start_mark.line + 1
            if following is None:
                break
            node = following
        return line

    def refuse(self, where: FieldPath, message: str, *, hint: str = "") -> NoReturn:
        """Raise ConfigurationError naming file, line and field."""
        name = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where).lstrip(".")
        raise ConfigurationError(message, file=f"{self.path}:{self.line(where)}", field=name, hint=hint)

    def _refuse_repeated_keys(self, node: yaml.Node | None, where: tuple[str | int, ...] = ()) -> None:
        # PyYAML lets the last of two equal keys win in silence: a second `guarantee:` would hide the first.
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if key.value in seen:
                    raise ConfigurationError(
                        "stands here a second time",
                        file=f"{self.path}:{key.start_mark.line + 1}",
                        field=".".join(map(str, (*where, key.value))),
                    )
                seen.add(key.value)
                self._refuse_repeated_keys(value, (*where, key.value))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._refuse_repeated_keys(value, (*where, index))


@dataclass(frozen=True)
class IdentityRequest:
    """A person or role of an organization. An attribute is a text, or a number of random bytes."""

    name: str
    role: str = "client"
    random_subject: bool = False
    attributes: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class AuthorityRequest:
    """A Fabric CA: whether identities may be removed, how often a secret serves (-1: without limit)."""

    removal: bool = False
    max_enrollments: int = -1


@dataclass(frozen=True)
class Organization:
    """A member. `gateway`: the organization whose peer its clients use (its own, where it has one)."""

    name: str
    title: str
    peers: int
    orderers: int
    gateway: str
    listeners: tuple[str, ...]
    identities: tuple[IdentityRequest, ...]
    authority: AuthorityRequest | None = None

    @property
    def orderer_msp(self) -> str:
        """The MSP id of its orderers, which is not its members'.

        Fabric's gossip verifies a peer on any one channel that knows its MSP. Were an organization known to a
        channel as an orderer's only, its peers would be refused, at random, by every peer of that channel.
        """
        return f"{self.name}-orderer"


@dataclass(frozen=True)
class CollectionRequest:
    """`kind` is pair, own or shared; `sides` the organizations on each side (one side unless pair)."""

    kind: str
    sides: tuple[tuple[str, ...], ...]
    name: str
    member_only_read: bool
    member_only_write: bool
    block_to_live: int


@dataclass(frozen=True)
class Chaincode:
    """A chaincode as one channel defines it."""

    name: str
    contracts: tuple[str, ...]
    version: str
    policy: Policy
    collections: tuple[CollectionRequest, ...]


@dataclass(frozen=True)
class Channel:
    """A channel: members, the organizations that order it, and its chaincodes."""

    name: str
    members: tuple[str, ...]
    orderers: tuple[str, ...]
    lifecycle: Policy | None
    chaincodes: tuple[Chaincode, ...]


@dataclass(frozen=True)
class Topology:
    """A checked topology. `data` is the file as written, `source` places complaints in it.

    `fabric` is 2.5, 3.1 or a patch of them; `consensus` is bft or raft.
    """

    network: str
    fabric: str
    execute_timeout: str
    country: str
    python_path: tuple[Path, ...]
    batch_timeout: str
    batch_messages: int
    consensus: str
    faults: str
    organizations: Mapping[str, Organization]
    groups: Mapping[str, tuple[str, ...]]
    channels: Mapping[str, Channel]
    data: Mapping[str, Any]
    source: Source

    @property
    def is_fabric_2_5(self) -> bool:
        """Whether its nodes are of the long-term release before 3.0."""
        return _is_2_5(self.fabric)


def load(path: Path, base: Path | None = None) -> Topology:
    """Read and check a topology; paths in it are relative to `base`, by default the file's own folder.

    Raises ConfigurationError, with file, line and field, for what the schema or the sense of it refuses.
    """
    source = Source(path)
    _validate(source)
    data = source.data
    groups = {name: tuple(members) for name, members in data.get("groups", {}).items()}
    organizations = {
        name: _organization(source, name, entry or {}) for name, entry in data["organizations"].items()
    }
    for organization in organizations.values():
        if organization.orderer_msp in organizations:
            source.refuse(["organizations", organization.orderer_msp], "is the MSP id of another's orderers")
    for name, members in groups.items():
        if name in organizations:
            source.refuse(["groups", name], "an organization has this name already")
        for index, member in enumerate(members):
            if member not in organizations:
                source.refuse(["groups", name, index], f"'{member}' is not an organization")
    reader = _Reader(source, organizations, groups)
    fabric = data.get("fabric", "3.1")
    ordering = data.get("ordering", {})
    batch = ordering.get("batch", {})
    consensus = ordering.get("consensus", "raft" if _is_2_5(fabric) else "bft")
    if consensus == "bft" and _is_2_5(fabric):
        source.refuse(
            ["ordering", "consensus"], f"Fabric {fabric} has no SmartBFT", hint="raft, or Fabric 3.1"
        )
    return Topology(
        network=data["network"],
        fabric=fabric,
        execute_timeout=data.get("execute_timeout", "30s"),
        country=data.get("country", "KR"),
        python_path=tuple(((base or path.parent) / entry).resolve() for entry in data.get("python_path", [])),
        batch_timeout=batch.get("timeout", "100ms"),
        batch_messages=batch.get("messages", 500),
        consensus=consensus,
        faults=ordering.get("faults", "lively"),
        organizations=organizations,
        groups=groups,
        channels={name: reader.channel(name, entry) for name, entry in data["channels"].items()},
        data=data,
        source=source,
    )


def _is_2_5(fabric: str) -> bool:
    return fabric.startswith("2.5")


def schema() -> dict[str, Any]:
    """The JSON Schema of a topology file."""
    text = resources.files("hlf_network").joinpath("topology.schema.json").read_text(encoding="utf-8")
    result: dict[str, Any] = json.loads(text)
    return result


def _validate(source: Source) -> None:
    validator = jsonschema.Draft202012Validator(schema())
    error = jsonschema.exceptions.best_match(validator.iter_errors(source.data))
    if error is None:
        return
    where = list(error.absolute_path)
    message = error.message
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
        unknown = [key for key in error.instance if key not in known]
        if known and unknown:
            where.append(unknown[0])
            message = f"unknown field; known here: {', '.join(known)}"
    source.refuse(where, message)


def _organization(source: Source, name: str, entry: Mapping[str, Any]) -> Organization:
    peers = entry.get("peers", 0)
    gateway = entry.get("gateway", name)
    where = ["organizations", name]
    everyone = source.data["organizations"]
    if peers and gateway != name:
        source.refuse([*where, "gateway"], "an organization with a peer is its own gateway")
    if gateway != name and not (everyone.get(gateway) or {}).get("peers"):
        source.refuse([*where, "gateway"], f"'{gateway}' is not an organization with a peer")
    if not peers and gateway == name and entry.get("identities"):
        source.refuse(where, "has identities but neither a peer nor a gateway", hint="add `gateway: NAME`")
    return Organization(
        name=name,
        title=entry.get("title", name),
        peers=peers,
        orderers=entry.get("orderers", 0),
        gateway=gateway,
        listeners=tuple(entry.get("listeners", ("client", "admin"))),
        identities=tuple(
            IdentityRequest(
                name=identity,
                role=(request or {}).get("role", "client"),
                random_subject=(request or {}).get("subject") == "random",
                attributes={
                    key: value["random"] if isinstance(value, dict) else value
                    for key, value in (request or {}).get("attributes", {}).items()
                },
            )
            for identity, request in entry.get("identities", {}).items()
        ),
        authority=_authority(entry.get("ca", False)),
    )


def _authority(entry: bool | Mapping[str, Any]) -> AuthorityRequest | None:
    if isinstance(entry, bool):
        return AuthorityRequest() if entry else None
    return AuthorityRequest(**entry)


@dataclass(frozen=True)
class _Reader:
    source: Source
    organizations: Mapping[str, Organization]
    groups: Mapping[str, tuple[str, ...]]

    def channel(self, name: str, entry: Mapping[str, Any]) -> Channel:
        where = ["channels", name]
        members = self._members([*where, "members"], entry["members"])
        ordering = tuple(org.name for org in self.organizations.values() if org.orderers)
        if "orderers" in entry:
            ordering = self._members([*where, "orderers"], entry["orderers"])
            for organization in ordering:
                if not self.organizations[organization].orderers:
                    self.source.refuse([*where, "orderers"], f"'{organization}' runs no orderer")
        lifecycle = None
        if "lifecycle" in entry:
            lifecycle = self._policy([*where, "lifecycle"], entry["lifecycle"])
        return Channel(
            name=name,
            members=members,
            orderers=ordering,
            lifecycle=lifecycle,
            chaincodes=tuple(
                self._chaincode([*where, "chaincodes", chaincode], chaincode, request)
                for chaincode, request in entry.get("chaincodes", {}).items()
            ),
        )

    def _chaincode(self, where: FieldPath, name: str, entry: Mapping[str, Any]) -> Chaincode:
        contract = entry["contract"]
        return Chaincode(
            name=name,
            contracts=(contract,) if isinstance(contract, str) else tuple(contract),
            version=entry.get("version", "1.0"),
            policy=self._policy([*where, "policy"], entry["policy"]),
            collections=tuple(self._collections(where, entry.get("collections", []))),
        )

    def _collections(self, where: FieldPath, entries: list[Mapping[str, Any]]) -> Iterator[CollectionRequest]:
        for index, entry in enumerate(entries):
            kind = next(kind for kind in ("pair", "own", "shared") if kind in entry)
            place = [*where, "collections", index, kind]
            named = [entry[kind]] if kind == "shared" else entry[kind]
            sides = tuple(self._members([*place, position], [item]) for position, item in enumerate(named))
            if kind != "pair":
                sides = (tuple(dict.fromkeys(member for side in sides for member in side)),)
            yield CollectionRequest(
                kind=kind,
                sides=sides,
                name=entry["suffix"] if "suffix" in entry else (entry["shared"] if kind == "shared" else ""),
                member_only_read=entry.get("member_only_read", True),
                member_only_write=entry.get("member_only_write", True),
                block_to_live=entry.get("block_to_live", 0),
            )

    def _members(self, where: FieldPath, names: Sequence[str]) -> tuple[str, ...]:
        result: dict[str, None] = {}
        for name in names:
            if name in self.groups:
                result.update(dict.fromkeys(self.groups[name]))
            elif name in self.organizations:
                result[name] = None
            else:
                self.source.refuse(where, f"'{name}' is neither an organization nor a group")
        return tuple(result)

    def _policy(self, where: FieldPath, text: str) -> Policy:
        try:
            return parse(text, tuple(self.organizations), self.groups)
        except PolicyError as error:
            self.source.refuse(where, str(error))
