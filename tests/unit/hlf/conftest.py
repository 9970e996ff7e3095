import pytest

from hlf import Endpoint, Gateway, Session
from tests.unit.hlf.fake_gateway import FakeGateway, make_identity


@pytest.fixture(scope="session")
def identity():
    return make_identity()


@pytest.fixture
def fake():
    server = FakeGateway()
    yield server
    server.stop()


@pytest.fixture
def quick(identity):
    """A session that sends an unseen transaction again after a fraction of a second."""
    return Session(identity, resend_after=0.3, resend_unaccepted_after=0.2)


@pytest.fixture
def gateway(fake, identity, quick):
    with Gateway(Endpoint(fake.address), identity, session=quick) as connected:
        yield connected
