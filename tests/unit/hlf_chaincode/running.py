"""A chaincode server in a thread of the test's process, and a ledger to answer from."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

from fabric_protos.peer import chaincode_shim_pb2

from hlf_chaincode import Contract
from hlf_chaincode.server import ChaincodeServer
from hlf_chaincode.serving.config import ChaincodeService, Limits
from hlf_chaincode.serving.tls import ServerTls
from tests.unit.hlf_chaincode.fake_peer import DEADLINE, Message, PeerSide


class Running:
    """A server on an event loop in a thread."""

    def __init__(
        self, *contracts: type[Contract], tls: ServerTls | None = None, observers=(), **limits: float
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        service = ChaincodeService("store:1", contracts, "127.0.0.1:0", tls, Limits(**limits))
        self.server: ChaincodeServer = self.do(self._make(service, observers))
        self.do(self.server.start())

    async def _make(self, service: ChaincodeService, observers) -> ChaincodeServer:
        return ChaincodeServer(service, observers=observers)

    def submit(self, coroutine) -> Future:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def do(self, coroutine):
        return self.submit(coroutine).result(DEADLINE)

    def close(self) -> None:
        self.do(self.server.stop(0))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)
        self._loop.close()


class Ledger:
    """Answers from a dictionary."""

    def __init__(self) -> None:
        self.state: dict[str, bytes] = {}
        self.kinds: list[str] = []

    def __call__(self, peer: PeerSide, message: Message) -> None:
        self.kinds.append(Message.Type.Name(message.type))
        if message.type == Message.GET_STATE:
            request = chaincode_shim_pb2.GetState.FromString(message.payload)
            peer.reply(message, self.state.get(request.key, b""))
        elif message.type == Message.PUT_STATE:
            put = chaincode_shim_pb2.PutState.FromString(message.payload)
            self.state[put.key] = put.value
            peer.reply(message)
        elif message.type == Message.WRITE_BATCH_STATE:
            for record in chaincode_shim_pb2.WriteBatchState.FromString(message.payload).rec:
                self.state[record.key] = record.value
            peer.reply(message)
        else:
            peer.reply(message, b"unknown operation type", Message.ERROR)
