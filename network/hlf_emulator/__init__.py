"""A Fabric network in one process: peers and orderers on real TLS ports, without Docker.

It is Fabric seen from outside: the same RPCs, codes, messages, blocks and validation. Where it differs on
purpose:

- No gossip and no consensus between processes. A node that stops is gone from discovery at once, one that
  starts is there at once; the consenters of a channel share one sequencer, which makes blocks only while a
  quorum of them runs and signs each with a quorum. A dead leader costs no pause.
- A Gateway asks the other peers and the orderers of its network directly, never over their ports.
- Transactions that wait for a batch are lost when the process is killed, as is all of SmartBFT's pool when
  every orderer is; blocks and private data are not.
- A channel whose last orderer leaves keeps its blocks, and is continued when one joins again.
- PUT of a config update for an unknown channel is refused and freezes nothing; HEADER_WITH_SIG on
  DeliverFiltered ends in BAD_REQUEST instead of a crash.
- Ordering is SmartBFT's or one orderer's; Raft's elections, snapshots and state transfer are not there.

Run it with ``python -m hlf_emulator --config FILE.json`` (`hlf_emulator.config`); it says ``ready`` when all
ports listen, and takes faults over HTTP on loopback (`hlf_emulator.faults`). Not for production.
"""
