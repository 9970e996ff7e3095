import pytest

from tests.unit.lending_chaincode.consortium import Consortium


@pytest.fixture
def consortium():
    return Consortium().found()
