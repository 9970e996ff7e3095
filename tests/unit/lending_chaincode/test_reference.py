"""docs/reference/contracts.md names every function, parameter and refusal that there is."""

import re
from pathlib import Path

from hlf_chaincode.contract import Registry
from lending_chaincode.credit_evaluation import CreditEvaluation
from lending_chaincode.document_exchange import DocumentExchange
from lending_chaincode.guarantee import Guarantee
from lending_chaincode.loan_application import LoanApplication
from lending_chaincode.loan_execution import LoanExecution

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reference" / "contracts.md").read_text(encoding="utf-8")
CONTRACTS = (DocumentExchange, LoanApplication, CreditEvaluation, Guarantee, LoanExecution)


def test_every_function_and_private_parameter_is_documented():
    for function in Registry(CONTRACTS).functions.values():
        assert f"`{function.name}`" in PAGE, function.signature
        for parameter in function.parameters:
            assert re.search(rf"`{parameter.name}\b", PAGE), (function.name, parameter.name)


def test_every_code_is_documented():
    codes = set()
    for path in (ROOT / "chaincode" / "lending_chaincode").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        codes |= set(re.findall(r'(?:ContractError\(|^ +|, )\s*"([A-Z][A-Z]+(?:_[A-Z]+)+)",', text, re.M))
    assert len(codes) > 30
    assert not [code for code in sorted(codes) if f"`{code}`" not in PAGE]
