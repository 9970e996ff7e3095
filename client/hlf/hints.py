"""What to do about an answer, for the answers whose remedy is known."""

from __future__ import annotations

_BY_TEXT = (
    (
        "No metadata was found for chaincode",
        "no chaincode of that name is defined on this channel, or its definition is a moment old",
    ),
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
        "failed to find any endorsing peers for org(s)",
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
    ("creator org unknown", "the identity's MSP id is no member of the channel"),
    (
        "access denied: channel",
        "the identity's certificate was not issued by the MSP it names, or is of another network",
    ),
    (
        "does not have write access permission on privatedata",
        "only members of that collection may write to it",
    ),
    ("does not have read access permission on privatedata", "only members of that collection may read it"),
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
        if any(pattern in text for text in texts):
            return hint
    return ""


def hint_for_validation(code: str) -> str:
    """Return the remedy for a validation code, or ""."""
    return _BY_VALIDATION_CODE.get(code, "")
