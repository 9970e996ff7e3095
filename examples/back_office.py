"""A bank's back office: list guarantees, disburse one against its letter, follow the channel's events.

python examples/back_office.py PROFILE WALLET GUARANTEE_LETTER RATE_NOTICE YYYY-MM-DD
"""

import sys
from datetime import date
from pathlib import Path

from hlf import Gateway
from hlf.wallet import Wallet
from lending.bank import BankClient, loan_contract
from lending.institution import new_id
from lending_domain.letters import SignedLetter


def main(profile: str, wallet: str, letter: str, notice: str, day: str) -> None:
    """Disburse the loan that the letter guarantees, on that day."""
    guarantee, rate = (SignedLetter.from_bytes(Path(file).read_bytes()) for file in (letter, notice))
    on, loan_id = date.fromisoformat(day), new_id()
    with Gateway.from_profile(profile, Wallet(wallet).get("officer")) as gateway:
        bank = BankClient(gateway)
        for record in bank.list_guarantees("issued"):
            print(f"waiting   {record.id}  from {record.references['foundation']}")

        paid = bank.execute_loan(loan_id, loan_contract(guarantee, rate, on))
        print(f"disbursed {loan_id}  in block {paid.block_number}")
        guarantee_id, foundation = guarantee.letter.subject, guarantee.letter.issuer
        file = bank.read_guarantee(guarantee_id)
        bank.accept_guarantee(guarantee_id, foundation, loan_id, on, file)
        for record in bank.list_guarantees("accepted"):
            print(f"accepted  {record.id}  for loan {record.references['loan']}")

        events = gateway.network("execution").chaincode_events(
            "loan-execution", start_block=paid.block_number
        )
        with events:
            for event in events:
                print(f"event     {event.name}  {event.payload.decode()}")
                if event.transaction_id == paid.transaction_id:
                    break


if __name__ == "__main__":
    main(*sys.argv[1:])
