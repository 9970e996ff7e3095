"""Query a chaincode, submit a transaction, and see the block it stands in.

Usage: python examples/quickstart.py PROFILE WALLET IDENTITY CHANNEL CHAINCODE QUERY FUNCTION [ARGUMENT ...]
"""

import sys

from hlf import FabricError, Gateway, Wallet


def main(profile: str, wallet: str, name: str, channel: str, chaincode: str, *call: str) -> None:
    """Run ``call``: the name of a query without arguments, then a function and its arguments."""
    query, function, *arguments = call
    with Gateway.from_profile(profile, Wallet(wallet).get(name)) as gateway:
        network = gateway.network(channel)
        contract = network.contract(chaincode)
        print(contract.evaluate(query).decode())
        outcome = contract.execute(function, *arguments, timeout=60)
        print(f"{outcome.transaction_id} is in block {outcome.block_number}: {outcome.result.decode()}")
        with network.filtered_blocks(start=outcome.block_number, stop=outcome.block_number) as blocks:
            for block in blocks:
                print([transaction.txid for transaction in block.filtered_transactions])


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except FabricError as error:
        sys.exit(str(error))
