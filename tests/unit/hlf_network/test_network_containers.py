"""What is kept of containers that ended, from what Docker says of them."""

from types import SimpleNamespace

from tests.containers import post_mortem


def container(name, created, code, oom):
    state = {"FinishedAt": "2026-01-02T00:00:05Z", "ExitCode": code, "OOMKilled": oom, "Error": ""}
    return SimpleNamespace(
        name=name,
        attrs={"Created": created, "State": state},
        logs=lambda tail: f"the last {tail} lines of {name}".encode(),
    )


def test_ended_containers_show_code_oom_and_log():
    asked = {}

    def listed(**arguments):
        asked.update(arguments)
        return [
            container("peer0", "2026-01-02T00:00:01Z", 2, True),
            container("old", "2026-01-01T00:00:00Z", 0, False),
        ]

    client = SimpleNamespace(containers=SimpleNamespace(list=listed))
    ((title, log),) = post_mortem(client, "2026-01-02T00:00:00+00:00")
    assert title == "peer0 ended at 2026-01-02T00:00:05Z: exit code 2, OOM killed: True"
    assert log == "the last 60 lines of peer0"
    assert asked == {"all": True, "filters": {"label": "hlf.network", "status": "exited"}}
