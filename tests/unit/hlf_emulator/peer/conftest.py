import pytest

from tests.unit.hlf_emulator.peer.peer_world import Keys, make_keys


@pytest.fixture(scope="session")
def keys() -> Keys:
    """Certificates and a genesis block; made once, changed by nobody."""
    return make_keys()
