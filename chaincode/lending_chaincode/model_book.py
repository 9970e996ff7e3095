"""Who evaluates on a channel, and how versions of the model are kept there.

Three kinds of public keys, all locked to a majority of the evaluating members' peers: `models` is the
register of versions and activations, `model/<digest>` the criteria, `model-version/<digest>` the version's
life. The register decides what exists: SEMAS and one foundation alone could endorse a key that is not yet
there.
"""

from __future__ import annotations

from datetime import date

from hlf_chaincode import ContractError, Requirement, requires
from lending_chaincode.caller import administrator, staff
from lending_chaincode.charter import enact
from lending_chaincode.context import Context, key_of
from lending_chaincode.organizations import Kind, kind_of
from lending_chaincode.refusals import require
from lending_domain.model import Model
from lending_domain.records import RecordView, encode
from lending_domain.records_model import (
    BEFORE_DATES,
    Activation,
    ModelVersion,
    Register,
    read_criteria,
    upgraded,
)

_REGISTER = "models"
_MODEL_IN_FORCE = "model-in-force"  # schema 1: the digest of the one model in force


def evaluating_kind(ctx: Context) -> Kind:
    """Who evaluates on this channel: foundations on `referral`, SEMAS for direct loans on `application`."""
    return Kind.SEMAS if ctx.channel == "application" else Kind.FOUNDATION


by_evaluating_administrator = requires(
    Requirement("administrator of an evaluating member", lambda ctx: administrator(ctx, evaluating_kind(ctx)))
)


def _evaluating_member(ctx: Context) -> str:
    """The caller's organization, if its administrator or its staff calls and it evaluates here."""
    kind = evaluating_kind(ctx)
    return administrator(ctx, kind) if ctx.client.role == "admin" else staff(ctx, kind)


by_evaluating_member = requires(
    Requirement("administrator or staff of an evaluating member", _evaluating_member)
)


def evaluators(ctx: Context) -> tuple[str, ...]:
    """The members who evaluate and vote on the model."""
    kind = evaluating_kind(ctx)
    return tuple(sorted(one for one in ctx.charter.members if kind_of(one) is kind))


def voter_of(ctx: Context) -> str:
    """The caller's organization, if it has a vote."""
    voter = ctx.client.msp_id
    require(voter in evaluators(ctx), "NOT_PERMITTED", f"{voter} has no vote here")
    return voter


def shared_collection(ctx: Context) -> str:
    """Where the evaluators keep what they share and do not publish."""
    return "semas" if ctx.channel == "application" else "foundations"


def register_of(ctx: Context) -> Register:
    """The register; of what schema 1 left behind where no version has been proposed since."""
    register = ctx.state.get_json(_REGISTER, Register)
    if register is not None:
        return register
    with ctx.state.range("model/", "model0") as found:
        versions = tuple(one.key.removeprefix("model/") for one in found)
    active = ctx.state.get(_MODEL_IN_FORCE)
    since = () if active is None else (Activation(since=BEFORE_DATES, id=active.decode()),)
    return Register(versions=versions, activations=since)


def keep_register(ctx: Context, register: Register) -> None:
    """Write the register."""
    enact(ctx, _REGISTER, encode(register), evaluators(ctx))


def criteria_of(ctx: Context, model_digest: str) -> Model:
    """The criteria of a version."""
    raw = ctx.state.get(_criteria_key(model_digest))
    known = raw is not None and model_digest in register_of(ctx).versions
    if raw is None or not known:
        raise ContractError("UNKNOWN_MODEL", "no model of this digest was proposed")
    return read_criteria(raw)


def keep_criteria(ctx: Context, model: Model) -> None:
    """Write the criteria of a new version."""
    enact(ctx, _criteria_key(model.digest), model.text, evaluators(ctx))


def version_of(ctx: Context, model_digest: str, register: Register | None = None) -> ModelVersion:
    """A version's life."""
    register = register or register_of(ctx)
    if model_digest not in register.versions:
        raise ContractError("UNKNOWN_MODEL", "no model of this digest was proposed")
    version = ctx.state.get_json(key_of("model-version", model_digest), ModelVersion)
    if version is not None:
        return version
    old = ctx.state.get(_criteria_key(model_digest))
    if old is None:
        raise ContractError("BAD_RECORD", "the register names a version that is not there")
    return upgraded(model_digest, register.versions.index(model_digest) + 1, old, register)


def keep_version(ctx: Context, version: ModelVersion) -> RecordView:
    """Write a version's life; what is told of it to whoever changes it."""
    enact(ctx, key_of(version.type, version.id), encode(version), evaluators(ctx))
    return RecordView(id=version.id, state=version.state)


def model_in_force(ctx: Context, on: date) -> Model:
    """The version that evaluations of this business date use; refused without one."""
    found = register_of(ctx).in_force(on)
    if found is None:
        raise ContractError("MODEL_NOT_ACTIVE", "no model is in force on this date")
    return criteria_of(ctx, found)


def _criteria_key(model_digest: str) -> str:
    return f"model/{model_digest}"
