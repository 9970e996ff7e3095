"""Edges of the admin port and of what is handed in there that no network is needed for."""

from __future__ import annotations

import asyncio
import socket

import pytest

from hlf_emulator.ordering.channel_config import go_duration
from hlf_emulator.ordering.participation import clean_path
from hlf_emulator.ordering.participation_forms import FormError, channel_id_fault, form_file
from hlf_emulator.ports.rest import HttpServer, Request, Response


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0.0), ("1m30s", 90.0), ("-1.5s", -1.5), ("+2h", 7200.0), ("10ms", 0.01), (".5s", 0.5)],
)
def test_durations_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert go_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", 'time: invalid duration ""'),
        ("soon", 'time: invalid duration "soon"'),
        ("5", 'time: missing unit in duration "5"'),
        ("5d", 'time: unknown unit "d" in duration "5d"'),
        ("1s.", 'time: invalid duration "1s."'),
    ],
)
def test_what_is_no_duration_is_refused_in_gos_words(text: str, fault: str) -> None:
    with pytest.raises(ValueError) as refused:
        go_duration(text)
    assert str(refused.value) == fault


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [("/a/b", "/a/b"), ("//a//b/", "/a/b/"), ("/a/../b", "/b"), ("/a/./b", "/a/b"), ("/", "/")],
)
def test_paths_are_cleaned_as_go_cleans_them(path: str, cleaned: str) -> None:
    assert clean_path(path) == cleaned


@pytest.mark.parametrize("name", ["a", "a.b-c9"])
def test_names_of_channels(name: str) -> None:
    assert channel_id_fault(name) == ""


@pytest.mark.parametrize("name", ["", "A", "9a", "a_b", "a" * 250])
def test_what_no_channel_is_called(name: str) -> None:
    assert channel_id_fault(name)


def test_a_file_in_a_form_keeps_its_line_ends() -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="config-block"; filename="b"\r\n\r\n'
        b"\r\n\0--x\r\n\r\n--x--\r\n"
    )
    request = Request("POST", "/", {"content-type": 'multipart/form-data; boundary="x"'}, body)
    with pytest.raises(FormError, match="NextPart"):
        form_file(Request("POST", "/", request.headers, b"nothing"), "config-block")
    assert form_file(request, "config-block").startswith(b"\r\n\0")


def test_a_body_beyond_the_limit_is_told_of_and_a_head_has_none() -> None:
    async def handler(request: Request) -> Response:
        return Response(200, b"too large" if request.too_large else b"fine")

    async def ask(port: int, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + b"Host: x\r\nConnection: close\r\n\r\n" + body)
        answer = await reader.read()
        writer.close()
        return answer.partition(b"\r\n\r\n")[2]

    async def scenario() -> list[bytes]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        server = HttpServer(handler, "127.0.0.1", port, max_body=8)
        await server.start()
        try:
            large = b"Content-Length: 9\r\n"
            chunks = b"Transfer-Encoding: chunked\r\n"
            return [
                await ask(port, b"POST / HTTP/1.1\r\n" + large, b"x" * 9),
                await ask(port, b"POST / HTTP/1.1\r\n" + chunks, b"9\r\nxxxxxxxxx\r\n0\r\n\r\n"),
                await ask(port, b"HEAD / HTTP/1.1\r\n", b""),
            ]
        finally:
            await server.stop()

    assert asyncio.run(scenario()) == [b"too large", b"too large", b""]
