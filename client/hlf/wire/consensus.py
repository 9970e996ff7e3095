"""What a channel's configuration says of its orderers: SmartBFT's options, or Raft's.

Source: orderer/smartbft/configuration.proto, orderer/etcdraft/configuration.proto; defaults are Fabric's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fabric_protos.common import configuration_pb2, policies_pb2
from fabric_protos.orderer.etcdraft import configuration_pb2 as etcdraft_pb2
from fabric_protos.orderer.smartbft import configuration_pb2 as smartbft_pb2

from hlf.wire import policy

BFT = "BFT"
RAFT = "etcdraft"


@dataclass(frozen=True)
class ConsenterSpec:
    """One consenter: `identity` is its signing certificate; all three certificates in PEM.

    Raft knows its consenters by their TLS certificates, and numbers them itself, in their order, from 1.
    """

    id: int
    host: str
    port: int
    msp_id: str
    identity: bytes
    client_tls_cert: bytes
    server_tls_cert: bytes


@dataclass(frozen=True)
class BatchSpec:
    """When a block is cut: sizes in bytes, `timeout` in Go's notation ("50ms")."""

    max_messages: int = 500
    absolute_max_bytes: int = 10 * 1024 * 1024
    preferred_max_bytes: int = 2 * 1024 * 1024
    timeout: str = "200ms"


@dataclass(frozen=True)
class SmartBftOptions:
    """SmartBFT's own options; durations in Go's notation, defaults are Fabric's.

    Leader rotation is always off: Fabric refuses a channel that turns it on. The largest batch comes from
    BatchSpec; so does the batch interval, unless `request_batch_max_interval` says otherwise.
    """

    request_batch_max_interval: str | None = None
    incoming_message_buffer_size: int = 200
    request_pool_size: int = 400
    request_forward_timeout: str = "2s"
    request_complain_timeout: str = "20s"
    request_auto_remove_timeout: str = "3m0s"
    request_max_bytes: int = 0
    view_change_resend_interval: str = "5s"
    view_change_timeout: str = "20s"
    leader_heartbeat_timeout: str = "1m0s"
    leader_heartbeat_count: int = 10
    collect_timeout: str = "1s"
    sync_on_start: bool = False
    speed_up_view_change: bool = False


@dataclass(frozen=True)
class RaftOptions:
    """Raft's own options; `tick_interval` in Go's notation, the two ticks counted in it, sizes in bytes.

    A follower that hears nothing for `election_tick` to twice as many ticks stands for election.
    """

    tick_interval: str = "500ms"
    election_tick: int = 10
    heartbeat_tick: int = 1
    max_inflight_blocks: int = 5
    snapshot_interval_size: int = 16 * 1024 * 1024


def bft_quorum(consenters: int) -> int:
    """How many of `consenters` must sign a block: ceil((n + f + 1) / 2) with f = (n - 1) // 3."""
    faulty = (consenters - 1) // 3
    return (consenters + faulty + 2) // 2


def block_validation_policy(consenters: Iterable[ConsenterSpec]) -> policies_pb2.Policy:
    """The policy every BFT block must satisfy: a quorum of the consenters' identities, in their order.

    Orderers compare it with what they compute themselves, byte for byte.
    """
    principals = [policy.identity_principal(each.msp_id, each.identity) for each in consenters]
    rules = [policies_pb2.SignaturePolicy(signed_by=index) for index in range(len(principals))]
    return policy.signature_policy(
        policies_pb2.SignaturePolicyEnvelope(
            version=0, rule=policy.n_out_of(bft_quorum(len(principals)), rules), identities=principals
        )
    )


def bft_metadata(options: SmartBftOptions, batch: BatchSpec) -> smartbft_pb2.Options:
    """The consensus metadata of ConsensusType "BFT"."""
    return smartbft_pb2.Options(
        request_batch_max_count=batch.max_messages,
        request_batch_max_bytes=batch.absolute_max_bytes,
        # Orderers take count and bytes from BatchSize, but the interval from here.
        request_batch_max_interval=options.request_batch_max_interval or batch.timeout,
        incoming_message_buffer_size=options.incoming_message_buffer_size,
        request_pool_size=options.request_pool_size,
        request_forward_timeout=options.request_forward_timeout,
        request_complain_timeout=options.request_complain_timeout,
        request_auto_remove_timeout=options.request_auto_remove_timeout,
        request_max_bytes=options.request_max_bytes,
        view_change_resend_interval=options.view_change_resend_interval,
        view_change_timeout=options.view_change_timeout,
        leader_heartbeat_timeout=options.leader_heartbeat_timeout,
        leader_heartbeat_count=options.leader_heartbeat_count,
        collect_timeout=options.collect_timeout,
        sync_on_start=options.sync_on_start,
        speed_up_view_change=options.speed_up_view_change,
        leader_rotation=smartbft_pb2.Options.ROTATION_OFF,
    )


def raft_metadata(options: RaftOptions, consenters: Iterable[ConsenterSpec]) -> etcdraft_pb2.ConfigMetadata:
    """The consensus metadata of ConsensusType "etcdraft"."""
    return etcdraft_pb2.ConfigMetadata(
        consenters=[
            etcdraft_pb2.Consenter(
                host=each.host,
                port=each.port,
                client_tls_cert=each.client_tls_cert,
                server_tls_cert=each.server_tls_cert,
            )
            for each in consenters
        ],
        options=etcdraft_pb2.Options(
            tick_interval=options.tick_interval,
            election_tick=options.election_tick,
            heartbeat_tick=options.heartbeat_tick,
            max_inflight_blocks=options.max_inflight_blocks,
            snapshot_interval_size=options.snapshot_interval_size,
        ),
    )


def orderers_value(consenters: Iterable[ConsenterSpec]) -> configuration_pb2.Orderers:
    """The consenter mapping of a BFT channel."""
    return configuration_pb2.Orderers(
        consenter_mapping=[
            configuration_pb2.Consenter(
                id=each.id,
                host=each.host,
                port=each.port,
                msp_id=each.msp_id,
                identity=each.identity,
                client_tls_cert=each.client_tls_cert,
                server_tls_cert=each.server_tls_cert,
            )
            for each in consenters
        ]
    )
