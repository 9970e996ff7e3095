"""Checks of a block's transactions before the version check: form, signatures, ids, endorsement policies.

Order and codes: core/common/validation/msgvalidation.go and the v2.0 dispatcher and key-level validator.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fabric_protos.common import common_pb2, policies_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.peer import chaincode_event_pb2, proposal_pb2, proposal_response_pb2, transaction_pb2
from google.protobuf.message import DecodeError

from hlf.wire.proposal import transaction_id
from hlf_emulator.ledger.definitions import (
    LIFECYCLE,
    ChaincodeDefinition,
    resolve_collection,
    resolve_policy,
)
from hlf_emulator.ledger.rwset import NamespaceSet, parse_rwset
from hlf_emulator.ledger.state import Key, Space, State
from hlf_emulator.membership.bundle import Bundle
from hlf_emulator.membership.msp import MspError, MspIdentity
from hlf_emulator.membership.policies import (
    Policy,
    PolicyError,
    SignaturePolicy,
    SignedData,
    majority_of_members_policy,
)

Code = transaction_pb2.TxValidationCode


class Invalid(Exception):  # noqa: N818 - a verdict on a transaction, not an error
    """A transaction's validation code other than VALID, with the reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass
class CheckedTransaction:
    """One transaction of a block as far as the checks understood it."""

    index: int
    type: int
    transaction_id: str
    code: int = Code.VALID
    reason: str = ""
    sets: list[NamespaceSet] = field(default_factory=list)
    action: proposal_pb2.ChaincodeAction | None = None


@dataclass(frozen=True)
class LedgerView:
    """What validation asks of the ledger before the block."""

    channel: str
    bundle: Bundle
    state: State
    definitions: Mapping[str, ChaincodeDefinition]
    committed: Callable[[str], bool]
    """Whether a transaction id is in the ledger already."""


def validate_block(view: LedgerView, block: common_pb2.Block) -> list[CheckedTransaction]:
    """Judge all transactions of the next block, up to but without versions read."""
    updated: set[tuple[Space, Key]] = set()
    checked = []
    for index, envelope in enumerate(block.data.data):
        transaction = CheckedTransaction(index, -1, "")
        try:
            _check(view, envelope, transaction, updated)
            for part in transaction.sets:
                updated.update(_policy_updates(part))
        except Invalid as verdict:
            transaction.code, transaction.reason = verdict.code, str(verdict)
        checked.append(transaction)
    seen: set[str] = set()
    for transaction in checked:
        if transaction.code != Code.VALID or not transaction.transaction_id:
            continue
        if transaction.transaction_id in seen:
            transaction.code, transaction.reason = Code.DUPLICATE_TXID, "repeated in this block"
        seen.add(transaction.transaction_id)
    return checked


def parse_valid(envelope: bytes) -> CheckedTransaction:
    """Read a transaction that was found valid when its block was committed."""
    payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(envelope).payload)
    header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
    transaction = CheckedTransaction(0, header.type, header.tx_id)
    if header.type == common_pb2.ENDORSER_TRANSACTION:
        action = transaction_pb2.Transaction.FromString(payload.data).actions[0]
        endorsed = transaction_pb2.ChaincodeActionPayload.FromString(action.payload).action
        response = proposal_response_pb2.ProposalResponsePayload.FromString(
            endorsed.proposal_response_payload
        )
        transaction.action = proposal_pb2.ChaincodeAction.FromString(response.extension)
        transaction.sets = parse_rwset(transaction.action.results)
    return transaction


def _check(
    view: LedgerView, encoded: bytes, transaction: CheckedTransaction, updated: set[tuple[Space, Key]]
) -> None:
    try:
        envelope = common_pb2.Envelope.FromString(encoded)
    except DecodeError as fault:
        raise Invalid(Code.INVALID_OTHER_REASON, f"error getting tx from block: {fault}") from fault
    try:
        payload = common_pb2.Payload.FromString(envelope.payload)
    except DecodeError as fault:
        raise Invalid(Code.BAD_PAYLOAD, str(fault)) from fault
    channel, signature = _common_header(payload, transaction)
    if channel.type == common_pb2.CONFIG:
        return
    _creator_signature(view, channel, signature, envelope)
    if channel.type != common_pb2.ENDORSER_TRANSACTION:
        raise Invalid(Code.UNSUPPORTED_TX_PAYLOAD, "unsupported payload")
    if channel.tx_id != transaction_id(signature.nonce, signature.creator):
        raise Invalid(Code.BAD_PROPOSAL_TXID, f"incorrectly computed txid '{channel.tx_id}'")
    endorsed = _endorser_transaction(payload)
    if channel.channel_id != view.channel:
        raise Invalid(Code.TARGET_CHAIN_NOT_FOUND, f"channel {channel.channel_id}")
    if view.committed(channel.tx_id):
        raise Invalid(Code.DUPLICATE_TXID, f"transaction {channel.tx_id} is in the ledger")
    _dispatch(view, channel, endorsed, transaction, updated)


def _common_header(
    payload: common_pb2.Payload, transaction: CheckedTransaction
) -> tuple[common_pb2.ChannelHeader, common_pb2.SignatureHeader]:
    if not payload.HasField("header"):
        raise Invalid(Code.BAD_COMMON_HEADER, "nil header")
    try:
        channel = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        # The ledger keeps it under its id whatever else is wrong.
        transaction.type, transaction.transaction_id = channel.type, channel.tx_id
        signature = common_pb2.SignatureHeader.FromString(payload.header.signature_header)
    except DecodeError as fault:
        raise Invalid(Code.BAD_COMMON_HEADER, str(fault)) from fault
    if channel.type not in (
        common_pb2.ENDORSER_TRANSACTION,
        common_pb2.CONFIG_UPDATE,
        common_pb2.CONFIG,
    ):
        raise Invalid(Code.BAD_COMMON_HEADER, f"invalid header type {channel.type}")
    if channel.epoch != 0:
        raise Invalid(Code.BAD_COMMON_HEADER, f"invalid Epoch {channel.epoch}")
    if channel.type != common_pb2.CONFIG and not (signature.nonce and signature.creator):
        raise Invalid(Code.BAD_COMMON_HEADER, "invalid nonce or creator specified in the header")
    return channel, signature


def _creator_signature(
    view: LedgerView,
    channel: common_pb2.ChannelHeader,
    signature: common_pb2.SignatureHeader,
    envelope: common_pb2.Envelope,
) -> None:
    try:
        if channel.channel_id != view.channel:
            raise MspError(f"no MSPs for channel {channel.channel_id}")
        creator = view.bundle.msps.validated(signature.creator)
        creator.verify(envelope.payload, envelope.signature)
    except MspError as refusal:
        raise Invalid(Code.BAD_CREATOR_SIGNATURE, str(refusal)) from refusal


@dataclass(frozen=True)
class _Endorsed:
    response_payload: bytes
    response: proposal_response_pb2.ProposalResponsePayload
    endorsements: Sequence[proposal_response_pb2.Endorsement]


def _endorser_transaction(payload: common_pb2.Payload) -> _Endorsed:
    try:
        actions = transaction_pb2.Transaction.FromString(payload.data).actions
        if len(actions) != 1:
            raise Invalid(
                Code.INVALID_ENDORSER_TRANSACTION,
                f"only one action per transaction is supported, tx contains {len(actions)}",
            )
        header = common_pb2.SignatureHeader.FromString(actions[0].header)
        if not header.nonce or not header.creator:
            raise Invalid(
                Code.INVALID_ENDORSER_TRANSACTION, "invalid nonce or creator in the action's header"
            )
        chaincode = transaction_pb2.ChaincodeActionPayload.FromString(actions[0].payload)
        encoded = chaincode.action.proposal_response_payload
        response = proposal_response_pb2.ProposalResponsePayload.FromString(encoded)
    except DecodeError as fault:
        raise Invalid(Code.INVALID_ENDORSER_TRANSACTION, str(fault)) from fault
    digest = hashlib.sha256(
        payload.header.channel_header + actions[0].header + chaincode.chaincode_proposal_payload
    ).digest()
    if digest != response.proposal_hash:
        raise Invalid(Code.INVALID_ENDORSER_TRANSACTION, "proposal hash does not match")
    return _Endorsed(encoded, response, chaincode.action.endorsements)


def _dispatch(
    view: LedgerView,
    channel: common_pb2.ChannelHeader,
    endorsed: _Endorsed,
    transaction: CheckedTransaction,
    updated: set[tuple[Space, Key]],
) -> None:
    try:
        extension = proposal_pb2.ChaincodeHeaderExtension.FromString(channel.extension)
    except DecodeError as fault:
        raise Invalid(Code.BAD_HEADER_EXTENSION, str(fault)) from fault
    try:
        action = proposal_pb2.ChaincodeAction.FromString(endorsed.response.extension)
    except DecodeError as fault:
        raise Invalid(Code.BAD_RESPONSE_PAYLOAD, str(fault)) from fault
    try:
        sets = parse_rwset(action.results)
    except DecodeError as fault:
        raise Invalid(Code.BAD_RWSET, str(fault)) from fault
    if not extension.HasField("chaincode_id") or not action.HasField("chaincode_id"):
        raise Invalid(Code.INVALID_OTHER_REASON, "nil ChaincodeId")
    name = extension.chaincode_id.name
    if not name or name != action.chaincode_id.name or not action.chaincode_id.version:
        raise Invalid(Code.INVALID_CHAINCODE, f"inconsistent ccid info ({name}/{action.chaincode_id.name})")
    if action.events:
        try:
            event = chaincode_event_pb2.ChaincodeEvent.FromString(action.events)
        except DecodeError as fault:
            raise Invalid(Code.INVALID_OTHER_REASON, "invalid chaincode event") from fault
        if event.chaincode_id != name:
            raise Invalid(Code.INVALID_OTHER_REASON, "chaincode event chaincode id does not match")
    namespaces = [part.namespace for part in sets]
    if len(set(namespaces)) != len(namespaces):
        raise Invalid(Code.ILLEGAL_WRITESET, "duplicate namespace in txRWSet")
    # Known from here on, valid or not: a peer keeps the private data of either.
    transaction.sets, transaction.action = sets, action
    written = {part.namespace: part for part in sets if part.writes_anything}
    signed = [
        SignedData(endorsed.response_payload + item.endorser, item.endorser, item.signature)
        for item in endorsed.endorsements
    ]
    endorsers = view.bundle.policies.identities(signed)
    for namespace in dict.fromkeys([name, *written]):
        _NamespaceCheck(view, namespace, endorsers, updated).run(written.get(namespace))


class _NamespaceCheck:
    """The endorsement policies of one chaincode's writes: key's, else collection's, else chaincode's."""

    def __init__(
        self,
        view: LedgerView,
        namespace: str,
        endorsers: Sequence[MspIdentity],
        updated: set[tuple[Space, Key]],
    ) -> None:
        self._view = view
        self._namespace = namespace
        self._endorsers = endorsers
        self._updated = updated
        self._checked: set[str] = set()
        self._any = False
        self._policy = chaincode_policy(namespace, view.bundle, view.definitions)

    def run(self, part: NamespaceSet | None) -> None:
        if part is not None:
            for key in _public_keys(part):
                self._check_key("", key)
            for collection in part.collections:
                for digest in _hashed_keys(collection.hashed):
                    self._check_key(collection.name, digest)
        if not self._any:
            self._evaluate(self._policy)

    def _check_key(self, collection: str, key: Key) -> None:
        space = Space(self._namespace, collection)
        if (space, key) in self._updated:
            raise Invalid(
                Code.ENDORSEMENT_POLICY_FAILURE,
                "validation parameters for a key have been changed by an earlier transaction of the block",
            )
        entry = self._view.state.get(space, key)
        parameter = entry.validation_parameter if entry else None
        if not parameter:
            self._check_default(collection)
            return
        try:
            envelope = policies_pb2.SignaturePolicyEnvelope.FromString(parameter)
        except DecodeError as fault:
            raise Invalid(Code.ENDORSEMENT_POLICY_FAILURE, f"invalid key policy: {fault}") from fault
        self._evaluate(SignaturePolicy(envelope))
        self._any = True

    def _check_default(self, collection: str) -> None:
        if collection in self._checked:
            return
        if collection:
            definition = self._view.definitions.get(self._namespace)
            found = resolve_collection(collection, definition, self._view.bundle)
            if found is None:
                raise Invalid(Code.ENDORSEMENT_POLICY_FAILURE, f"no such collection '{collection}'")
            self._evaluate(found.policy or self._policy)
        else:
            self._evaluate(self._policy)
        self._checked.add(collection)
        self._any = True

    def _evaluate(self, policy: Policy) -> None:
        try:
            policy.evaluate(self._endorsers)
        except PolicyError as refusal:
            raise Invalid(
                Code.ENDORSEMENT_POLICY_FAILURE,
                f"validation of endorsement policy for chaincode {self._namespace} failed: {refusal}",
            ) from refusal


def chaincode_policy(
    namespace: str, bundle: Bundle, definitions: Mapping[str, ChaincodeDefinition]
) -> Policy:
    """The policy that guards a chaincode's public state. Raises Invalid when it is not defined."""
    if namespace == LIFECYCLE:
        path = "/Channel/Application/LifecycleEndorsement"
        if bundle.policies.exists(path):
            return bundle.policies.policy(path)
        return majority_of_members_policy(bundle.application_msp_ids)
    definition = definitions.get(namespace)
    if definition is None:
        raise Invalid(Code.INVALID_CHAINCODE, f"chaincode {namespace} not found")
    return resolve_policy(definition.validation_parameter, bundle)


def _public_keys(part: NamespaceSet) -> list[str]:
    writes = [write.key for write in part.public.writes]
    return [*writes, *(write.key for write in part.public.metadata_writes)]


def _hashed_keys(hashed: kv_rwset_pb2.HashedRWSet) -> list[bytes]:
    writes = [write.key_hash for write in hashed.hashed_writes]
    return [*writes, *(write.key_hash for write in hashed.metadata_writes)]


def _policy_updates(part: NamespaceSet) -> list[tuple[Space, Key]]:
    """The keys whose metadata a transaction writes: later writes to them in the block do not count."""
    public = Space(part.namespace)
    found: list[tuple[Space, Key]] = [(public, write.key) for write in part.public.metadata_writes]
    for collection in part.collections:
        space = Space(part.namespace, collection.name)
        found.extend((space, write.key_hash) for write in collection.hashed.metadata_writes)
    return found
