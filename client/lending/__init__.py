"""What institutions import: one client for each role, business verbs, sync or async by the gateway it gets.

    with Gateway.from_profile("connection-profiles/bank-a.yaml", officer) as gateway:
        for record in BankClient(gateway).list_guarantees("issued"):
            ...

`lending.credit` computes and explains scores, `lending.documents` seals and opens evidence,
`lending.correspondence` writes letters, `lending.audit` holds a report against the ledgers.
"""

from lending.applicant import ApplicantClient
from lending.bank import BankClient
from lending.foundation import FoundationClient
from lending.governance import GovernanceClient
from lending.institution import Committed, Institution
from lending.issuer import IssuerClient
from lending.semas import SemasClient

__all__ = [
    "ApplicantClient",
    "BankClient",
    "Committed",
    "FoundationClient",
    "GovernanceClient",
    "Institution",
    "IssuerClient",
    "SemasClient",
]
