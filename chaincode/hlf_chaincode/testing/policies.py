"""Whether signatures satisfy a policy, as Fabric's cauthdsl finds it, and how a message shows one."""

from __future__ import annotations

from collections.abc import Sequence

from ..policy import Principal, Rule


def shown_policy(policy: Rule) -> str:
    """As `parse_policy` reads it; one signature without the AND around it."""
    return str(policy.parts[0] if len(policy.parts) == 1 else policy)


def satisfied(policy: Rule, signers: Sequence[tuple[str, str]]) -> bool:
    """Whether the signers ``(msp id, role)`` satisfy a policy; each signature counts once."""
    return _evaluate(policy, signers, [False] * len(signers))


def _evaluate(policy: Principal | Rule, signers: Sequence[tuple[str, str]], used: list[bool]) -> bool:
    if isinstance(policy, Principal):
        for index, (msp_id, role) in enumerate(signers):
            if not used[index] and msp_id == policy.msp_id and policy.role in ("member", role):
                used[index] = True
                return True
        return False
    verified = 0
    for part in policy.parts:
        trial = list(used)
        if _evaluate(part, signers, trial):
            verified += 1
            used[:] = trial
    return verified >= policy.count
