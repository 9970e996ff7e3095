"""A chaincode runtime for Hyperledger Fabric: contracts as Python classes, served as external services."""

from .context import Context
from .contract import Contract, Private, query, transaction
from .errors import (
    ContractError,
    InvokeError,
    NotDeterministic,
    PeerError,
    QueryError,
    StateError,
)
from .identity import ClientIdentity
from .keys import composite_key, split_composite_key
from .policy import all_of, any_of, key_policy, majority_of, out_of, parse_policy, read_policy
from .requires import Requirement, owned, requires
from .state import KeyValue, Modification, Page, PrivateCollection, Results, State
from .values.codec import DecodeError, from_json, to_json

__all__ = [
    "ClientIdentity",
    "Context",
    "Contract",
    "ContractError",
    "DecodeError",
    "InvokeError",
    "KeyValue",
    "Modification",
    "NotDeterministic",
    "Page",
    "PeerError",
    "Private",
    "PrivateCollection",
    "QueryError",
    "Requirement",
    "Results",
    "State",
    "StateError",
    "all_of",
    "any_of",
    "composite_key",
    "from_json",
    "key_policy",
    "majority_of",
    "out_of",
    "owned",
    "parse_policy",
    "query",
    "read_policy",
    "requires",
    "split_composite_key",
    "to_json",
    "transaction",
]
