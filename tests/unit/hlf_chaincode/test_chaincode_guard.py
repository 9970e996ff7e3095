"""The determinism guard: what another endorser's run might do otherwise is caught, with its line."""

from __future__ import annotations

import datetime as dt
import inspect
import json
import logging
import os
import random
import secrets
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from time import time as now
from typing import Any

import pytest
from fabric_protos.peer import proposal_response_pb2

from hlf_chaincode import Context, Contract, ContractError, NotDeterministic, query, transaction
from hlf_chaincode.contract import Registry
from hlf_chaincode.determinism.set_order import Place, _places
from hlf_chaincode.serving.config import ConfigurationError, load_config
from hlf_chaincode.session import Begin, Session
from hlf_chaincode.testing import ChaincodeSpec, MemoryLedger
from tests.unit.hlf_chaincode.fake_peer import Message
from tests.unit.hlf_chaincode.fake_peer import transaction as call

# Each a function whose only line (after "def") would differ between two endorsers, and what is said of it.


def clock() -> Any:
    return time.time()


def clock_by_another_name() -> Any:
    return now()


def local_day() -> Any:
    return date.today()


def moment() -> Any:
    return datetime.now(tz=dt.UTC)


def pause() -> Any:
    return time.sleep(0)


def number() -> Any:
    return random.random()


def choice() -> Any:
    return random.choice(["a", "b"])


def unseeded() -> Any:
    return random.Random().random()


def token() -> Any:
    return secrets.token_hex(2)


def identifier() -> Any:
    return uuid.uuid4()


def variable() -> Any:
    return os.environ.get("HOME")


def variable_too() -> Any:
    return os.getenv("HOME")


def process() -> Any:
    return os.getpid()


def file() -> Any:
    return Path(__file__).read_text(encoding="utf-8")


def is_there() -> Any:
    return os.path.exists(__file__)  # noqa: PTH110


def host() -> Any:
    return socket.gethostname()


def connection() -> Any:
    return socket.socket().close()


def program() -> Any:
    return subprocess.run(["true"], check=False)


def thread() -> Any:
    return threading.Thread(target=int).start()


def hashed() -> Any:
    return hash("a")


def address() -> Any:
    return id("a")


def float_in_json() -> Any:
    return json.dumps({"rates": [1.5]})


CAUGHT: dict[Callable[[], Any], str] = {
    clock: "reads the clock: time()",
    clock_by_another_name: "reads the clock: time()",
    local_day: "reads the clock: today()",
    moment: "reads the clock: now()",
    pause: "reads the clock: sleep()",
    number: "takes a chance: random()",
    choice: "takes a chance: getrandbits()",
    unseeded: "takes a chance: Random() without a seed",
    token: "takes a chance: urandom()",
    identifier: "takes a chance: urandom()",
    variable: "reads the environment: os.environ",
    variable_too: "reads the environment: os.environ",
    process: "reads the environment: getpid()",
    file: "uses a file: open()",
    is_there: "uses a file: stat()",
    host: "uses the network: gethostname()",
    connection: "uses the network: close()",
    program: "starts a process or a thread: fork_exec()",
    thread: "starts a process or a thread: start_new_thread()",
    hashed: "differs from process to process: hash()",
    address: "differs from process to process: id()",
    float_in_json: "writes a float as JSON: use Decimal or to_json",
}
BY_NAME = {function.__name__: function for function in CAUGHT}


# And what is the same everywhere.


def seeded() -> Any:
    return random.Random(7).randrange(10)


def stated_time() -> Any:
    return datetime(2026, 1, 2, tzinfo=dt.UTC).isoformat()


def logged() -> Any:
    return logging.getLogger(__name__).info("%s", "said")


def packaged() -> Any:
    return files("hlf_chaincode").name


def sorted_set() -> Any:
    return sorted({"b", "a"})


def exact_json() -> Any:
    return json.dumps({"amount": 1, "rate": "1.5"})


HARMLESS = {f.__name__: f for f in (seeded, stated_time, logged, packaged, sorted_set, exact_json)}


def joined(names: list[str]) -> str:
    chosen = {name.upper() for name in names}
    return ",".join(chosen)


class Watched(Contract):
    name = "watched"

    @transaction
    def do(self, ctx: Context, what: str) -> None:
        ctx.state.put("done", b"1")
        (BY_NAME | HARMLESS)[what]()

    @query
    def hide(self, ctx: Context, what: str) -> str:
        try:
            BY_NAME[what]()
        finally:
            raise ContractError("ODD", "of its own")

    @query
    def join(self, ctx: Context, names: list[str]) -> str:
        return joined(names)

    @query
    def other_channel(self, ctx: Context, what: str) -> str:
        return ctx.invoke("watched", ["look", what], "there").decode()

    @query
    def look(self, ctx: Context, what: str) -> str:
        BY_NAME[what]()
        return what

    @query
    def look_twice(self, ctx: Context) -> str:
        return f"{time.time_ns()} {time.time_ns()} {os.getpid()}"


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger(organizations=["A"], contracts=[Watched])


@pytest.mark.parametrize("function", CAUGHT, ids=lambda function: function.__name__)
def test_what_would_differ_is_caught_with_its_line(ledger, function):
    with pytest.raises(NotDeterministic) as caught:
        ledger.submit("watched", "do", function.__name__)
    found = {finding.text: finding for finding in caught.value.findings}[CAUGHT[function]]
    _, first = inspect.getsourcelines(function)
    assert (found.function, found.file, found.line) == (function.__name__, __file__, first + 1)
    assert f"{CAUGHT[function]} in {function.__name__} (" in str(caught.value)
    assert f"test_chaincode_guard.py:{first + 1})" in str(caught.value)
    assert caught.value.code == "NOT_DETERMINISTIC"
    assert ledger.state == {}


@pytest.mark.parametrize("what", HARMLESS)
def test_what_is_the_same_everywhere_passes(ledger, what):
    ledger.submit("watched", "do", what)


def test_a_refusal_does_not_hide_what_was_caught(ledger):
    with pytest.raises(NotDeterministic) as caught:
        ledger.evaluate("watched", "hide", "clock")
    assert isinstance(caught.value.__cause__, ContractError)


def test_each_thing_is_said_once(ledger):
    with pytest.raises(NotDeterministic) as caught:
        ledger.evaluate("watched", "look_twice")
    assert [one.text for one in caught.value.findings] == [
        "reads the clock: time_ns()",
        "reads the environment: getpid()",
    ]


def test_the_order_of_a_set_is_found_in_what_ran(ledger):
    with pytest.raises(NotDeterministic) as caught:
        ledger.evaluate("watched", "join", ["a", "b"])
    (found,) = caught.value.findings
    assert found.text == "gives a set to join(), in the order of this process: sort it"
    assert found.function == "joined"
    assert found.line == inspect.getsourcelines(joined)[1] + 2


def test_a_called_chaincode_is_watched_for_itself():
    here = MemoryLedger(organizations=["A"], contracts=[Watched])
    there = MemoryLedger(channel="there", organizations=["A"], contracts=[Watched])
    here.connect(there)
    with pytest.raises(ContractError, match=r"reads the clock: time\(\) in clock ") as caught:
        here.evaluate("watched", "other_channel", "clock")
    assert caught.value.code == "NOT_DETERMINISTIC"


def test_without_a_guard_nothing_is_watched():
    ledger = MemoryLedger(organizations=["A"], contracts=[Watched], guard=False)
    ledger.submit("watched", "do", "clock")
    assert ledger.state == {"done": b"1"}


def test_other_threads_are_not_watched(ledger):
    """A server runs many calls at once; what one does is not said of another."""
    registry = Registry([Watched], guard=True)
    assert registry._guard is not None
    inside, done = threading.Event(), threading.Event()

    def elsewhere() -> None:
        inside.wait(10)
        clock()
        done.set()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    with registry._guard.watching():
        inside.set()
        done.wait(10)
    thread.join()


def test_contracts_of_one_chaincode_share_a_guard():
    spec = ChaincodeSpec("one", [Watched])
    ledger = MemoryLedger(organizations=["A", "B"], chaincodes=[spec])
    with pytest.raises(NotDeterministic):
        ledger.submit("one", "do", "clock")


def configuration(tmp_path: Path, **fields: Any) -> Path:
    server = {
        "address": "127.0.0.1:0",
        "package_id": "p:1",
        "contracts": ["hlf_chaincode:Contract"],
        "tls": None,
    }
    path = tmp_path / "servers.json"
    path.write_text(json.dumps({"servers": [{**server, **fields}]}), encoding="utf-8")
    return path


def test_a_server_has_a_guard_where_its_configuration_asks_for_one(tmp_path):
    (plain,) = load_config(configuration(tmp_path))
    assert (plain.guard, plain.msp_id) == (False, "")
    (guarded,) = load_config(configuration(tmp_path, guard=True, msp_id="Org1MSP"))
    assert (guarded.guard, guarded.msp_id) == (True, "Org1MSP")
    for wrong in ({"guard": 1}, {"msp_id": ""}):
        with pytest.raises(ConfigurationError, match=f"{next(iter(wrong))}: expected"):
            load_config(configuration(tmp_path, **wrong))


def test_a_guarded_server_answers_what_it_caught():
    session = Session("watched:1", Registry([Watched], guard=True))
    session.open()
    session.receive(Message(type=Message.REGISTERED))
    session.receive(Message(type=Message.READY))
    (action,) = session.receive(call("tx", b"look", b"clock"))
    assert isinstance(action, Begin)
    answer = proposal_response_pb2.Response.FromString(action.call.run(lambda _request: Message()).payload)
    assert answer.status == 500
    assert answer.message.startswith("NOT_DETERMINISTIC: reads the clock: time() in clock (")


SETS = """
KNOWN = {"a"}
NAMES = ["a"]

def names() -> set[str]:
    return {"a"}

def wrong(given: set[str], d, e, flag):
    one = {"a"} | given
    for each in one: print(each)
    list(KNOWN)
    [x for x in names()]
    {x: 1 for x in given}
    [*given]
    first, second = given
    f"{given}"
    ",".join(d.keys() - e.keys())
    one.pop()
    tuple(x for x in given)
    next(iter(given))
    both = given if flag else frozenset("ab")
    str(both)
    dict.fromkeys(given)

def right(given: set[str], listed, d):
    one = {"a"} | given
    one = sorted(one)
    for each in one: print(each)
    for each in sorted(given): print(each)
    sorted(x for x in given)
    sorted(list(given))
    sorted([*given])
    max(len(x) for x in given)
    {x for x in given}
    set(given) | {*given}
    (single,) = given
    len(given), "a" in given, any(x for x in given)
    for x in listed: print(x)
    list(NAMES), ",".join(d)
    number = 1 | 2
    list(d - number)
"""


def test_sets_are_followed_by_their_looks(tmp_path):
    source = tmp_path / "sets.py"
    source.write_text(SETS, encoding="utf-8")
    found = {name: places for (name, _), places in _places(str(source)).items()}
    lines = SETS.splitlines()
    shown = [(lines[place.line - 1].strip(), place.text) for place in found["wrong"]]
    assert [line for line, _ in shown] == [
        "for each in one: print(each)",
        "list(KNOWN)",
        "[x for x in names()]",
        "{x: 1 for x in given}",
        "[*given]",
        "first, second = given",
        'f"{given}"',
        '",".join(d.keys() - e.keys())',
        "one.pop()",
        "tuple(x for x in given)",
        "next(iter(given))",
        "str(both)",
        "dict.fromkeys(given)",
    ]
    assert shown[0][1] == "goes through a set"
    assert found["right"] == ()
    assert found["names"] == ()


def test_a_source_that_cannot_be_read_says_nothing(tmp_path):
    assert _places(str(tmp_path / "none.py")) == {}
    broken = tmp_path / "broken.py"
    broken.write_text("def (", encoding="utf-8")
    assert _places(str(broken)) == {}
    assert Place(1, "x").line == 1
