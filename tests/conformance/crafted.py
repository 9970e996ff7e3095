"""Transactions built by hand: any layer left out, spoilt, or filled with what no endorser would sign.

What a case says of one transaction (all of it optional):

- `writes`: the read-write set, namespace by namespace, as `namespace_set` reads it; `writes_raw` gives bytes.
- `endorsers`: who signs the result, `node/peer0.org-a` and `node/peer0.org-b` unless said otherwise;
  `other/NAME` signs something else, `NAME as MSP` claims another MSP id.
- `spoil`: one entry of `_SPOILS`, or a list of them.
- `chaincode`, `action_chaincode`, `version`, `event`: the names that must agree.
- `type`, `epoch`, `tx_id`, `nonce`: of the header. `status`: of the chaincode's response.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from fabric_protos.common import common_pb2, policies_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.msp import identities_pb2, msp_principal_pb2
from fabric_protos.peer import (
    chaincode_event_pb2,
    chaincode_pb2,
    proposal_pb2,
    proposal_response_pb2,
    transaction_pb2,
)

from hlf.identity import SigningIdentity
from hlf.wire.proposal import transaction_id

Spec = Mapping[str, Any]
Identities = Callable[[str], SigningIdentity]
GARBAGE = b"\xff\xff\xff"
PEERS = ("node/peer0.org-a", "node/peer0.org-b")


def craft(identities: Identities, creator: str, channel: str, spec: Spec) -> common_pb2.Envelope:
    """The signed envelope that `spec` describes."""
    return _Craft(identities, creator, channel, spec).envelope()


class _Craft:
    """One transaction, from the inside out; `_spoilt` is asked at every layer."""

    def __init__(self, identities: Identities, creator: str, channel: str, spec: Spec) -> None:
        self._identities = identities
        self._signer = identities(creator)
        self._channel = channel
        self._spec = spec
        spoil = spec.get("spoil", ())
        self._spoils = frozenset([spoil] if isinstance(spoil, str) else spoil)
        unknown = self._spoils - _SPOILS
        assert not unknown, f"nobody spoils {unknown}"
        self._chaincode = spec.get("chaincode", "records")

    def _spoilt(self, what: str, content: bytes) -> bytes:
        if f"no-{what}" in self._spoils:
            return b""
        return GARBAGE if what in self._spoils else content

    def envelope(self) -> common_pb2.Envelope:
        creator = self._signer.serialized()
        nonce = str(self._spec["nonce"]).encode() if "nonce" in self._spec else os.urandom(24)
        header = self._header(creator, nonce)
        signature_header = common_pb2.SignatureHeader(creator=creator, nonce=nonce).SerializeToString()
        action_header = self._spoilt("action-header", signature_header)
        if "no-action-nonce" in self._spoils:
            action_header = common_pb2.SignatureHeader(creator=creator).SerializeToString()
        if "no-action-creator" in self._spoils:
            action_header = common_pb2.SignatureHeader(nonce=nonce).SerializeToString()
        payload = self._spoilt("action-payload", self._action_payload(header, action_header))
        action = transaction_pb2.TransactionAction(header=action_header, payload=payload)
        times = int(self._spec.get("actions", 1))
        data = transaction_pb2.Transaction(actions=[action] * times).SerializeToString()
        raw = common_pb2.Payload(
            header=common_pb2.Header(channel_header=header, signature_header=signature_header),
            data=self._spoilt("data", data),
        ).SerializeToString()
        signed = b"another message" if "signature" in self._spoils else raw
        return common_pb2.Envelope(payload=raw, signature=self._signer.sign(signed))

    def _header(self, creator: bytes, nonce: bytes) -> bytes:
        extension = proposal_pb2.ChaincodeHeaderExtension()
        if "no-chaincode-id" not in self._spoils:
            extension.chaincode_id.CopyFrom(chaincode_pb2.ChaincodeID(name=self._chaincode))
        now = time.time_ns()
        header = common_pb2.ChannelHeader(
            type=common_pb2.HeaderType.Value(self._spec.get("type", "ENDORSER_TRANSACTION")),
            channel_id=self._channel,
            tx_id=self._spec.get("tx_id", transaction_id(nonce, creator)),
            epoch=int(self._spec.get("epoch", 0)),
            extension=self._spoilt("extension", extension.SerializeToString()),
        )
        header.timestamp.seconds, header.timestamp.nanos = divmod(now, 10**9)
        return header.SerializeToString()

    def _action_payload(self, header: bytes, action_header: bytes) -> bytes:
        arguments = chaincode_pb2.ChaincodeInput(args=[b"crafted"])
        invocation = chaincode_pb2.ChaincodeInvocationSpec(
            chaincode_spec=chaincode_pb2.ChaincodeSpec(
                chaincode_id=chaincode_pb2.ChaincodeID(name=self._chaincode), input=arguments
            )
        )
        proposal = proposal_pb2.ChaincodeProposalPayload(input=invocation.SerializeToString())
        if "transient" in self._spoils:
            proposal.TransientMap["secret"] = b"told"
        encoded = proposal.SerializeToString()
        digest = hashlib.sha256(header + action_header + encoded).digest()
        response = proposal_response_pb2.ProposalResponsePayload(
            proposal_hash=b"another" if "proposal-hash" in self._spoils else digest,
            extension=self._spoilt("response", self._action()),
        ).SerializeToString()
        response = self._spoilt("response-payload", response)
        endorsements = [self._endorse(name, response) for name in self._spec.get("endorsers", PEERS)]
        return transaction_pb2.ChaincodeActionPayload(
            chaincode_proposal_payload=encoded,
            action=transaction_pb2.ChaincodeEndorsedAction(
                proposal_response_payload=response, endorsements=endorsements
            ),
        ).SerializeToString()

    def _action(self) -> bytes:
        action = proposal_pb2.ChaincodeAction(results=self._results())
        action.response.status = int(self._spec.get("status", 200))
        if "no-action-chaincode-id" not in self._spoils:
            name = self._spec.get("action_chaincode", self._chaincode)
            version = str(self._spec.get("version", "1.0"))
            action.chaincode_id.CopyFrom(chaincode_pb2.ChaincodeID(name=name, version=version))
        if "event" in self._spec:
            event = chaincode_event_pb2.ChaincodeEvent(
                chaincode_id=self._spec["event"], event_name="crafted", payload=b"p"
            )
            action.events = event.SerializeToString()
        if "event" in self._spoils:
            action.events = GARBAGE
        return action.SerializeToString()

    def _results(self) -> bytes:
        written = rwset_pb2.TxReadWriteSet(data_model=rwset_pb2.TxReadWriteSet.KV)
        for part in self._spec.get("writes", [{}]):
            written.ns_rwset.append(namespace_set(part, self._chaincode))
        if "namespace-rwset" in self._spoils:
            written.ns_rwset[0].rwset = GARBAGE
        if "hashed-rwset" in self._spoils:
            written.ns_rwset[0].collection_hashed_rwset.add(
                collection_name="org-a_org-b", hashed_rwset=GARBAGE
            )
        return self._spoilt("results", written.SerializeToString())

    def _endorse(self, name: str, payload: bytes) -> proposal_response_pb2.Endorsement:
        who, _, claimed = name.partition(" as ")
        signer = self._identities(who.removeprefix("other/"))
        endorser = signer.serialized()
        if claimed:
            identity = identities_pb2.SerializedIdentity(mspid=claimed, id_bytes=signer.certificate)
            endorser = identity.SerializeToString()
        signed = b"another message" if who.startswith("other/") else payload + endorser
        return proposal_response_pb2.Endorsement(endorser=endorser, signature=signer.sign(signed))


_SPOILS = frozenset(
    {
        "signature",
        "data",
        "no-data",
        "action-header",
        "no-action-header",
        "no-action-nonce",
        "no-action-creator",
        "action-payload",
        "proposal-hash",
        "response-payload",
        "response",
        "results",
        "no-results",
        "namespace-rwset",
        "hashed-rwset",
        "extension",
        "no-chaincode-id",
        "no-action-chaincode-id",
        "event",
        "transient",
    }
)


# -- read-write sets


def namespace_set(part: Spec, chaincode: str) -> rwset_pb2.NsReadWriteSet:
    """One namespace's set.

    `namespace` (else the chaincode's), `put`: key -> value, `delete`, `read` (keys seen as absent), `stale`
    (keys seen at version 1.0), `lock`: key -> organization, `raw_lock`: key -> a policy's bytes, `unlock`:
    keys, `range`: {start, end, exhausted}, seen as empty; `collections`: name -> the same of hashes.
    """
    public = kv_rwset_pb2.KVRWSet(
        reads=[kv_rwset_pb2.KVRead(key=key) for key in part.get("read", ())],
        writes=[
            *(
                kv_rwset_pb2.KVWrite(key=key, value=str(value).encode())
                for key, value in part.get("put", {}).items()
            ),
            *(kv_rwset_pb2.KVWrite(key=key, is_delete=True) for key in part.get("delete", ())),
        ],
        metadata_writes=[
            kv_rwset_pb2.KVMetadataWrite(key=key, entries=entries) for key, entries in _metadata(part)
        ],
    )
    for key in part.get("stale", ()):
        public.reads.add(key=key).version.block_num = 1
    if "range" in part:
        scan = part["range"]
        info = public.range_queries_info.add(
            start_key=scan["start"], end_key=scan["end"], itr_exhausted=scan.get("exhausted", True)
        )
        info.raw_reads.SetInParent()
    return rwset_pb2.NsReadWriteSet(
        namespace=part.get("namespace", chaincode),
        rwset=public.SerializeToString(),
        collection_hashed_rwset=[
            rwset_pb2.CollectionHashedReadWriteSet(
                collection_name=name, hashed_rwset=_hashed(each), pvt_rwset_hash=_digest("missing")
            )
            for name, each in part.get("collections", {}).items()
        ],
    )


def _hashed(part: Spec) -> bytes:
    hashed = kv_rwset_pb2.HashedRWSet(
        hashed_reads=[kv_rwset_pb2.KVReadHash(key_hash=_digest(key)) for key in part.get("read", ())],
        hashed_writes=[
            *(
                kv_rwset_pb2.KVWriteHash(key_hash=_digest(key), value_hash=_digest(str(value)))
                for key, value in part.get("put", {}).items()
            ),
            *(
                kv_rwset_pb2.KVWriteHash(key_hash=_digest(key), is_delete=True)
                for key in part.get("delete", ())
            ),
        ],
        metadata_writes=[
            kv_rwset_pb2.KVMetadataWriteHash(key_hash=_digest(key), entries=entries)
            for key, entries in _metadata(part)
        ],
    )
    return hashed.SerializeToString()


def _metadata(part: Spec) -> list[tuple[str, list[kv_rwset_pb2.KVMetadataEntry]]]:
    policies = {key: peer_policy(owner) for key, owner in part.get("lock", {}).items()}
    policies.update({key: str(value).encode() for key, value in part.get("raw_lock", {}).items()})
    found = [
        (key, [kv_rwset_pb2.KVMetadataEntry(name="VALIDATION_PARAMETER", value=policy)])
        for key, policy in policies.items()
    ]
    return [*found, *((key, []) for key in part.get("unlock", ()))]


def peer_policy(msp_id: str) -> bytes:
    """A key-level policy: one peer of that organization."""
    policy = policies_pb2.SignaturePolicyEnvelope()
    policy.rule.n_out_of.n = 1
    policy.rule.n_out_of.rules.add().signed_by = 0
    role = msp_principal_pb2.MSPRole(msp_identifier=msp_id, role=msp_principal_pb2.MSPRole.PEER)
    policy.identities.add(
        principal_classification=msp_principal_pb2.MSPPrincipal.ROLE, principal=role.SerializeToString()
    )
    return policy.SerializeToString()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
