"""What to do about an answer, for the answers whose remedy is known."""

from __future__ import annotations

import re

# Patterns of what peers (core/endorser, internal/pkg/gateway), orderers and grpc answer; the first that fits.
_BY_TEXT = (
    (
        "No metadata was found for chaincode|no peers available to evaluate chaincode",
        "no chaincode of that name is defined on a channel of that name, or no peer with it is known yet, as "
        "just after a start: check both names, and that the definition is committed",
    ),
    ("could not get last config for channel", "this peer has joined no channel of that name"),
    (
        "no combination of peers can be derived",
        "too few peers know each other yet, or none of an organization runs; gossip needs some seconds "
        "after a start",
    ),
    (
        "could not launch chaincode",
        "the peer cannot reach the chaincode server: is it running at the address in its package, and do "
        "its TLS certificates match? The server's log has the reason",
    ),
    (
        "ProposalResponsePayloads do not match",
        "endorsers computed different results: the chaincode is not deterministic, or one peer lags behind "
        "on data that the function reads",
    ),
    (
        r"failed to find any endorsing peers for org\(s\)",
        "the named organizations have no running peer with this chaincode on the channel",
    ),
    (
        "retry specifying",
        "name endorsing_organizations: transient data is sent to no organization that was not named",
    ),
    ("has been successfully defined on channel", "commit the chaincode's definition on this channel first"),
    ("due to incorrect timestamp", "this machine's clock and the peer's differ by more than 15 minutes"),
    ("client identity expired", "the identity's certificate has expired: enroll again"),
    ("duplicate transaction found", "this proposal has been endorsed and committed before"),
    (
        "creator org unknown",
        "the identity's MSP id is no member of the channel, or its certificate was not issued by that MSP: "
        "check the MSP id, and that the certificate is not another network's",
    ),
    (
        "access denied: channel",
        "the signature was not made by the certificate's key, or the certificate was revoked",
    ),
    (
        "does not have write access permission on privatedata",
        "only members of that collection may write to it",
    ),
    ("does not have read access permission on privatedata", "only members of that collection may read it"),
    (
        "private data matching public hash version is not available",
        "the peer is of no member of that collection, or has not been sent the value yet: "
        "name members with endorsing_organizations",
    ),
    (
        r"collection \S+/\S+/\S+ could not be found",
        "the chaincode's definition on this channel has no collection of that name",
    ),
    (
        r"unknown service gateway\.Gateway",
        "this is not a peer, or one whose gateway is switched off: give a peer's address, not an orderer's",
    ),
    (
        r"message payload is \d+ bytes and exceeds maximum allowed",
        "orderers take no larger transaction (the channel's BatchSize.AbsoluteMaxBytes): "
        "write less at once, or a document's hash instead of the document",
    ),
    ("Sent message larger than max", "arguments and transient data must fit into 100 MiB"),
    (
        "Received message larger than max",
        "the connection was made with grpc's default of 4 MiB: let hlf.Endpoint connect, or set "
        "grpc.max_receive_message_length",
    ),
    (
        "(?i)too.many.pings",
        "this connection pings more often than once a minute, which peers forbid: let hlf.Endpoint connect, "
        "or raise grpc.keepalive_time_ms",
    ),
    (
        "Hostname Verification Check failed|is not in peer certificate",
        "the node's TLS certificate names another host: give its name as override_host (in a profile "
        "ssl-target-name-override)",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "the node's TLS certificate is not by the CA that was given: take tls_root_pem (in a profile "
        "tlsCACerts) from the TLS CA of the node's organization",
    ),
    (
        "failed to connect to all addresses.*(WRONG_VERSION_NUMBER|Socket closed|Connection reset by peer)",
        "the connection was cut while it was made, as where one side speaks TLS and the other does not: "
        "check grpcs or grpc, and the TLS CA",
    ),
    (
        "Domain name not found|errors resolving",
        "no host of that name is known here: names of containers are known to containers only",
    ),
    (
        "failed to connect to all addresses",
        "no node answers there: check that it runs, its address and its TLS root certificate",
    ),
)

_BY_VALIDATION_CODE = {
    "MVCC_READ_CONFLICT": "another transaction changed what this one read; try a new proposal",
    "PHANTOM_READ_CONFLICT": "another transaction changed a range that this one read; try a new proposal",
    "ENDORSEMENT_POLICY_FAILURE": (
        "the endorsers do not satisfy the policy of the chaincode, a collection or a key; "
        "name the right ones with endorsing_organizations"
    ),
}


def hint_for(*texts: str) -> str:
    """Return the remedy for the first known text among an error's messages, or ""."""
    for pattern, hint in _BY_TEXT:
        if any(re.search(pattern, text) for text in texts):
            return hint
    return ""


def hint_for_validation(code: str) -> str:
    """Return the remedy for a validation code, or ""."""
    return _BY_VALIDATION_CODE.get(code, "")
