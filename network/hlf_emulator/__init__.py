"""A Fabric network in one process: peers, orderers and CAs on real TLS ports, without Docker.

It is Fabric seen from outside: the same RPCs, codes, messages, blocks and validation. What it answers, where
it differs on purpose and what it is not stands in docs/reference/emulator.md.

Run it with ``python -m hlf_emulator --config FILE.json`` (`hlf_emulator.config`); it says ``ready`` when all
ports listen, and takes faults over HTTP on loopback (`hlf_emulator.faults`). Not for production.
"""
