"""The topology's policy language: organizations and groups under AND, OR and OutOf.

`AND(semas, OR(foundations))` asks for semas and for any one member of the group; a group stands for its
members wherever it is named. The result is Fabric's own notation, `AND('semas.peer', OR(...))`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(r"\s*([A-Za-z0-9_-]+|[(),])")


class PolicyError(ValueError):
    """A policy that cannot be read, or that names nobody known."""


@dataclass(frozen=True)
class Policy:
    """`threshold` of `parts` must be met; a part is an organization's name or a policy."""

    threshold: int
    parts: tuple["str | Policy", ...]

    def organizations(self) -> tuple[str, ...]:
        """Every organization named, once, in order."""
        found: dict[str, None] = {}
        for part in self.parts:
            for name in (part,) if isinstance(part, str) else part.organizations():
                found[name] = None
        return tuple(found)

    def satisfied_by(self, available: Sequence[str]) -> bool:
        """Whether one signature of each available organization can meet the policy."""
        met = sum(
            (part in available) if isinstance(part, str) else part.satisfied_by(available)
            for part in self.parts
        )
        return met >= self.threshold

    def smallest(self, available: Sequence[str]) -> tuple[str, ...]:
        """A set of the available organizations that is enough, and of which none can be left out."""
        enough = list(available)
        for name in reversed(available):
            fewer = [other for other in enough if other != name]
            if self.satisfied_by(fewer):
                enough = fewer
        return tuple(enough)

    def expression(self, role: str = "peer") -> str:
        """The policy in Fabric's notation, each organization as the role given."""
        parts = [
            f"'{part}.{role}'" if isinstance(part, str) else part.expression(role) for part in self.parts
        ]
        if self.threshold == len(parts):
            return f"AND({', '.join(parts)})" if len(parts) > 1 else f"OR({parts[0]})"
        if self.threshold == 1:
            return f"OR({', '.join(parts)})"
        return f"OutOf({self.threshold}, {', '.join(parts)})"


def any_of(organizations: Sequence[str]) -> Policy:
    """One of the organizations."""
    return Policy(1, tuple(organizations))


def all_of(organizations: Sequence[str]) -> Policy:
    """Every one of the organizations."""
    return Policy(len(organizations), tuple(organizations))


def majority_of(organizations: Sequence[str]) -> Policy:
    """More than half of the organizations."""
    return Policy(len(organizations) // 2 + 1, tuple(organizations))


def parse(text: str, organizations: Sequence[str], groups: Mapping[str, Sequence[str]]) -> Policy:
    """Read a policy of the topology.

    Raises PolicyError: unreadable, or a name that is neither an organization nor a group.
    """
    tokens = _tokens(text)
    result, rest = _expression(tokens, organizations, groups)
    if rest:
        raise PolicyError(f"nothing may follow the policy, but '{rest[0]}' does")
    return all_of(result) if isinstance(result, tuple) else result


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise PolicyError(f"unexpected character '{text[position]}' at position {position + 1}")
        tokens.append(match[1])
        position = match.end()
    return tokens


def _expression(
    tokens: list[str], organizations: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> tuple["Policy | tuple[str, ...]", list[str]]:
    """A policy, or the names that a bare organization or group stands for; and the tokens not read."""
    if not tokens:
        raise PolicyError("the policy ends too early")
    head, rest = tokens[0], tokens[1:]
    if rest[:1] == ["("]:
        return _operator(head, rest[1:], organizations, groups)
    if head in groups:
        return tuple(groups[head]), rest
    if head in organizations:
        return (head,), rest
    raise PolicyError(f"'{head}' is neither an organization nor a group")


def _operator(
    operator: str, tokens: list[str], organizations: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> tuple[Policy, list[str]]:
    threshold = 0
    if operator == "OutOf":
        if len(tokens) < 2 or not tokens[0].isdigit() or tokens[1] != ",":
            raise PolicyError("OutOf starts with a number: OutOf(2, ...)")
        threshold, tokens = int(tokens[0]), tokens[2:]
    elif operator not in {"AND", "OR"}:
        raise PolicyError(f"unknown operator '{operator}': AND, OR or OutOf")
    parts: list[str | Policy] = []
    while True:
        part, tokens = _expression(tokens, organizations, groups)
        parts.extend(part if isinstance(part, tuple) else [part])
        separator, tokens = tokens[:1], tokens[1:]
        if separator == [")"]:
            break
        if separator != [","]:
            raise PolicyError("a comma or a closing bracket is missing")
    threshold = {"AND": len(parts), "OR": 1}.get(operator, threshold)
    if not 1 <= threshold <= len(parts):
        raise PolicyError(f"OutOf({threshold}, ...) of {len(parts)} can never be met")
    return Policy(threshold, tuple(parts)), tokens
