"""What mypy --strict has to refuse: each line with the code of its error beside it."""

from __future__ import annotations

from fabric_protos.common.common_pb2 import ChannelHeader

from hlf import AsyncGateway, Gateway, SigningIdentity, Wallet


def transact(identity: SigningIdentity) -> str:
    Gateway("localhost:7051", identity)  # E: arg-type
    AsyncGateway("localhost:7051", identity)  # E: arg-type
    gateway = Gateway.from_profile(5, identity)  # E: arg-type
    contract = gateway.network("mychannel").contract("basic")
    contract.submit("Write", 5)  # E: arg-type
    contract.submit("Write", transient={"value": "text"})  # E: dict-item
    contract.submit("Write", endorsing_orgs=["Org1MSP"])  # E: call-arg
    contract.submit("Write", retry=3)  # E: arg-type
    contract.submitt("Write")  # E: attr-defined
    contract.propose("Write").submit()  # E: attr-defined
    contract.propose("Write").endorse().status()  # E: attr-defined
    for block in gateway.network("mychannel").blocks(start="latest"):  # E: arg-type
        print(block.headr)  # E: attr-defined
    Wallet("wallet").put("alice", "key.pem")  # E: arg-type
    ChannelHeader(channel_id=5)  # E: arg-type
    ChannelHeader(channel="mychannel")  # E: call-arg
    return contract.evaluate("Read")  # E: return-value


async def asynchronously(gateway: AsyncGateway) -> bytes:
    contract = gateway.network("mychannel").contract("basic")
    contract.submit("Write")  # E: unused-coroutine
    for event in gateway.network("mychannel").chaincode_events("basic"):  # E: attr-defined
        print(event)
    return contract.evaluate("Read")  # E: return-value
