"""The public names, frozen: a change here is a change for every user."""

import inspect
import pickle
import subprocess
import sys

import pytest

import hlf
from hlf import aio, errors, gateway

NAMES = {
    "AsyncDriver",
    "AsyncGateway",
    "CallOptions",
    "CertificateAuthorityError",
    "ChaincodeEvent",
    "Checkpoint",
    "Commit",
    "CommitError",
    "CommitStatus",
    "CommitStatusError",
    "ConfigurationError",
    "Contract",
    "ContractFlows",
    "EndorseError",
    "Endpoint",
    "EvaluateError",
    "EventError",
    "FabricError",
    "FileCheckpoint",
    "Flow",
    "Gateway",
    "GatewayError",
    "Identity",
    "IdentityError",
    "MemoryWallet",
    "Network",
    "Outcome",
    "PeerDetail",
    "Profile",
    "Proposal",
    "Retry",
    "Session",
    "SigningIdentity",
    "SubmitError",
    "SyncDriver",
    "Timeouts",
    "Transaction",
    "Wallet",
    "load_profile",
}


def test_exports_are_frozen():
    assert set(hlf.__all__) == NAMES and len(hlf.__all__) == len(NAMES)
    assert all(hasattr(hlf, name) for name in NAMES)


@pytest.mark.parametrize("name", ["Gateway", "Network", "Contract", "Proposal", "Transaction", "Commit"])
def test_both_faces_have_the_same_calls(name):
    def calls(kind):
        return {
            call: list(inspect.signature(value).parameters)
            for call, value in inspect.getmembers(kind, inspect.isfunction)
            if not call.startswith("_")
        }

    twin = "AsyncGateway" if name == "Gateway" else name
    assert calls(getattr(gateway, name)) == calls(getattr(aio, twin))


@pytest.mark.parametrize(
    "kind",
    [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, Exception)],
)
def test_errors_are_one_tree_and_picklable(kind):
    error = kind("what failed", hint="what to do")
    assert isinstance(error, hlf.FabricError)
    assert "what failed" in str(error)
    assert "what to do" in str(error)
    assert error.retryable in (True, False)
    copy = pickle.loads(pickle.dumps(error))
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)


def test_import_is_light():
    code = (
        "import hlf, sys; print([m for m in ('pydantic', 'aiohttp', 'docker', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
