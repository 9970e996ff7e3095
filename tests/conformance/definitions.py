"""Chaincode definitions and install packages as cases write them, right or wrong."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any

from fabric_protos.peer import collection_pb2

from hlf.wire.policy import application_policy, parse_policy


def add_terms(argument: Any, terms: Mapping[str, Any]) -> None:
    """Fill a lifecycle argument's `policy` (text) and `collections` (one mapping each)."""
    if terms.get("policy"):
        argument.validation_parameter = application_policy(terms["policy"]).SerializeToString()
    for values in terms.get("collections", ()):
        add_collection(argument.collections, values)


def add_collection(package: collection_pb2.CollectionConfigPackage, values: Mapping[str, Any]) -> None:
    """One collection; `members` null leaves the policy out, "" leaves it empty."""
    if values.get("no_payload"):
        package.config.add()
        return
    config = package.config.add().static_collection_config
    config.name = values["name"]
    members = values.get("members", "OR('org-a.member', 'org-b.member')")
    if members == "":
        config.member_orgs_policy.SetInParent()
    elif members is not None:
        config.member_orgs_policy.signature_policy.CopyFrom(parse_policy(members))
    principal = values.get("principal")
    if principal is not None:
        identity = config.member_orgs_policy.signature_policy.identities[0]
        identity.principal_classification = principal["classification"]
        identity.principal = str(principal["bytes"]).encode("latin-1")
    rule = values.get("rule")
    if rule == "absent":
        config.member_orgs_policy.signature_policy.ClearField("rule")
    elif rule == "empty":
        config.member_orgs_policy.signature_policy.rule.Clear()
    if "signed_by" in values:
        config.member_orgs_policy.signature_policy.rule.signed_by = values["signed_by"]
    config.required_peer_count = values.get("required", 0)
    config.maximum_peer_count = values.get("maximum", 1)
    config.block_to_live = values.get("block_to_live", 0)
    config.member_only_read = values.get("member_only_read", True)
    config.member_only_write = values.get("member_only_write", True)
    if "policy" in values:
        config.endorsement_policy.CopyFrom(application_policy(values["policy"]))


def package(case: Mapping[str, Any]) -> bytes:
    """An install package of `entries`; `plain`: not zipped, `cut`: its last bytes missing, `raw`: bytes."""
    if "raw" in case:
        return str(case["raw"]).encode("latin-1")
    archive = _tar(case.get("entries", ()))
    content = archive if case.get("plain") else gzip.compress(archive, mtime=0)
    if "tar" in case:
        content = gzip.compress(str(case["tar"]).encode("latin-1"), mtime=0)
    return content[: len(content) - case.get("cut", 0)]


def _tar(entries: Sequence[Mapping[str, Any]]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry["name"])
            content = b""
            if "files" in entry:
                files = [{"name": name, "text": text} for name, text in entry["files"].items()]
                content = gzip.compress(_tar(files), mtime=0)
            elif "noise" in entry:
                content = random.Random(entry["noise"]).randbytes(entry["noise"])
            elif "text" in entry:
                content = str(entry["text"]).encode("latin-1")
            if entry.get("type") == "directory":
                info.type = tarfile.DIRTYPE
            elif entry.get("type") == "link":
                info.type, info.linkname = tarfile.SYMTYPE, "elsewhere"
            info.size, info.mode = len(content), 0o100644
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()
