"""The Gateway's plan: which peers to ask for endorsements, and when a layout is complete.

Follows internal/pkg/gateway/endorsement.go.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import proposal_response_pb2

from hlf_emulator.directory import Member


def detail(member: Member, message: str) -> gateway_pb2.ErrorDetail:
    """What one peer answered."""
    return gateway_pb2.ErrorDetail(address=member.peer.endpoint, msp_id=member.peer.msp_id, message=message)


@dataclass
class Layout:
    """Endorsements still required by group, and those collected."""

    required: dict[str, int]
    endorsements: list[proposal_response_pb2.Endorsement] = field(default_factory=list)


class Plan:
    """Layouts in the order they are tried, over groups of peers in the order they are asked."""

    def __init__(self, layouts: Sequence[Mapping[str, int]], groups: Mapping[str, Sequence[Member]]) -> None:
        self._layouts: list[Layout | None] = [Layout(dict(layout)) for layout in layouts]
        self._groups = {name: list(members) for name, members in groups.items()}
        self._group_of = {member.peer.name: name for name, members in groups.items() for member in members}
        self._next = 0
        self._payload: bytes | None = None
        self.completed: Layout | None = None
        self.details: list[gateway_pb2.ErrorDetail] = []

    @property
    def endorsable(self) -> bool:
        """Whether any layout is left."""
        return any(layout is not None and layout.required for layout in self._layouts)

    @property
    def payload(self) -> bytes:
        """The proposal response payload that the endorsers agree on."""
        return self._payload or b""

    def endorsers(self) -> list[Member] | None:
        """The peers of the next layout; None when there is no other."""
        while self._next < len(self._layouts):
            layout = self._layouts[self._next]
            if layout is None:
                self._next += 1
                continue
            if any(count > len(self._groups.get(name, ())) for name, count in layout.required.items()):
                self._layouts[self._next] = None
                self._next += 1
                continue
            chosen: list[Member] = []
            for name, count in layout.required.items():
                chosen += self._groups[name][:count]
                self._groups[name] = self._groups[name][count:]
            return chosen
        return None

    def accept(self, member: Member, response: proposal_response_pb2.ProposalResponse) -> bool:
        """Count an endorsement towards every layout it serves; False when its payload differs."""
        group = self._group_of.get(member.peer.name, "")
        waiting = self._groups.get(group, [])
        self._groups[group] = [other for other in waiting if other.peer.name != member.peer.name]
        if self._payload is None:
            self._payload = response.payload
        elif self._payload != response.payload:
            self.details.append(detail(member, "ProposalResponsePayloads do not match"))
            return False
        for layout in self._layouts[self._next :]:
            if layout is None or group not in layout.required:
                continue
            layout.endorsements.append(response.endorsement)
            layout.required[group] -= 1
            if layout.required[group] == 0:
                del layout.required[group]
                if not layout.required:
                    self.completed = layout
                    return True
        return True

    def next_in_group(self, member: Member) -> tuple[Member | None, str]:
        """Another peer for the one that failed, else None and the group that is exhausted."""
        group = self._group_of.get(member.peer.name, "")
        waiting = self._groups.get(group, [])
        if waiting:
            self._groups[group] = waiting[1:]
            return waiting[0], ""
        return None, group

    def abandon(self, groups: Sequence[str]) -> None:
        """Give up every layout that needs an exhausted group, and go on to the next."""
        exhausted = set(filter(None, groups))
        for index in range(self._next, len(self._layouts)):
            layout = self._layouts[index]
            if layout is not None and exhausted & layout.required.keys():
                self._layouts[index] = None
        self._next += 1
