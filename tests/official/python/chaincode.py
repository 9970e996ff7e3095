"""A chaincode on the official Python runtime, served to peers.

Argument: a JSON file with the package's id, the address to listen on and the TLS files.
"""

import asyncio
import json
import logging
import sys
from pathlib import Path

from fabric_chaincode_python.fabric_shim import response, server
from fabric_chaincode_python.fabric_shim.interfaces import Chaincode


async def put(stub, key, value):
    await stub.put_state(key, value.encode())
    stub.set_event("put", key.encode())
    return key


async def get(stub, key):
    value = await stub.get_state(key)
    if not value:
        raise KeyError(f"there is no {key}")
    return value.decode()


async def remove(stub, key):
    await stub.delete_state(key)


async def keys(stub, start, end):
    return [each.key async for each in await stub.get_state_by_range(start, end)]


async def refuse(stub):
    raise ValueError("as asked")


async def who(stub):
    return {"mspId": stub.get_creator()["mspid"], "channel": stub.get_channel_id()}


FUNCTIONS = {each.__name__: each for each in (put, get, remove, keys, refuse, who)}


class Records(Chaincode):
    async def init(self, stub):
        return response.success(None)

    async def invoke(self, stub):
        function, parameters = stub.get_function_and_parameters()
        try:
            result = await FUNCTIONS[function](stub, *parameters)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller is to hear it
            return response.error(str(error))
        return response.success(json.dumps(result))


def main():
    way = json.loads(Path(sys.argv[1]).read_text())
    # By default it logs every proposal and value, which costs it most of its time.
    logging.disable(logging.CRITICAL)
    # Its `start` asks for the running loop's policy default, which 3.14 no longer makes.
    asyncio.set_event_loop(asyncio.new_event_loop())
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.start(
        Records,
        way["packageId"],
        way["address"],
        Path(way["key"]).read_bytes(),
        Path(way["certificate"]).read_bytes(),
    )


main()
