"""A small HTTP/1.1 server on asyncio streams, for the participation and control APIs.

Bodies by Content-Length or chunked; connections are kept alive. Started in a few milliseconds, which a
framework's import alone would exceed many times.
"""

import asyncio
import http
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

_MAX_HEADERS = 64 * 1024
_MAX_BODY = 1024 * 1024
_READ_TIMEOUT = 10.0  # seconds for a whole request, and between two: common/fabhttp/server.go
_MAX_DISCARDED = 64 * 1024 * 1024


@dataclass(frozen=True)
class Request:
    """One request. Header names are lower case.

    A body beyond the server's limit is read and thrown away: ``too_large``.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""
    too_large: bool = False


@dataclass(frozen=True)
class Response:
    """One answer; ``chunked``: of no length told beforehand."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunked: bool = False


Handler = Callable[[Request], Awaitable[Response]]


def json_response(status: int, content: object, headers: Mapping[str, str] | None = None) -> Response:
    """JSON with the trailing newline that Go's encoder writes."""
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    return Response(status, body, {"Content-Type": "application/json", **(headers or {})})


class _BadRequest(Exception):  # noqa: N818 - the answer it leads to
    pass


class HttpServer:
    """Serves ``handler`` at one address."""

    def __init__(
        self,
        handler: Handler,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        max_body: int = _MAX_BODY,
    ) -> None:
        self._handler = handler
        self._host = host
        self._port = port
        self._tls = tls
        self._max_body = max_body
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._server = await asyncio.start_server(
            self._connected,
            self._host,
            self._port,
            ssl=self._tls,
            ssl_handshake_timeout=_READ_TIMEOUT if self._tls is not None else None,
            limit=_MAX_HEADERS,
        )

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is None:
            return
        self._server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        try:
            while await self._one_request(reader, writer):
                pass
        except (
            ConnectionError,
            TimeoutError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            ssl.SSLError,
        ):
            # The client went away, says nothing more or sent what is not HTTP: there is nobody to answer.
            pass
        except asyncio.CancelledError:
            # Only stop() cancels this task; ending it normally keeps asyncio from reporting it.
            pass
        finally:
            writer.transport.abort() if writer.is_closing() else writer.close()

    async def _one_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            async with asyncio.timeout(_READ_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
                request = await self._read(head, reader, writer)
        except _BadRequest:
            plain = {"Content-Type": "text/plain; charset=utf-8"}
            await _send(writer, Response(400, b"400 Bad Request", plain), keep_alive=False)
            return False
        response = await self._handler(request)
        keep_alive = request.headers.get("connection", "").lower() != "close" and not request.too_large
        await _send(writer, response, keep_alive, with_body=request.method != "HEAD")
        return keep_alive

    async def _read(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
        lines = head.decode("latin-1").split("\r\n")
        parts = lines[0].split(" ")
        if len(parts) != 3:
            raise _BadRequest
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            if name:
                headers[name.strip().lower()] = value.strip()
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await writer.drain()
        body = await self._body(headers, reader)
        path, _, query = parts[1].partition("?")
        return Request(
            method=parts[0],
            path=path,
            headers=headers,
            body=body or b"",
            query=query,
            too_large=body is None,
        )

    async def _body(self, headers: Mapping[str, str], reader: asyncio.StreamReader) -> bytes | None:
        """The body; None when it was too large."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return await self._chunks(reader)
        length = _number(headers.get("content-length", "0"), 10)
        if length > self._max_body:
            # A client that is still sending would not hear the answer.
            await _discard(reader, min(length, _MAX_DISCARDED))
            return None
        return await reader.readexactly(length)

    async def _chunks(self, reader: asyncio.StreamReader) -> bytes | None:
        body = bytearray()
        while True:
            line = await reader.readuntil(b"\r\n")
            size = _number(line.split(b";")[0].strip().decode("latin-1"), 16)
            if len(body) + size > self._max_body:
                return None
            body += await reader.readexactly(size)
            await reader.readexactly(2)
            if size == 0:
                return bytes(body)


def _number(text: str, base: int) -> int:
    """A length that a client states. Raises _BadRequest for what is no number, a sign included."""
    try:
        number = int(text, base) if text.isalnum() else -1
    except ValueError:
        number = -1
    if number < 0:
        raise _BadRequest
    return number


async def _discard(reader: asyncio.StreamReader, length: int) -> None:
    while length > 0:
        read = await reader.read(min(length, _MAX_HEADERS))
        if not read:
            return
        length -= len(read)


async def _send(
    writer: asyncio.StreamWriter, response: Response, keep_alive: bool, *, with_body: bool = True
) -> None:
    reason = http.HTTPStatus(response.status).phrase
    lines = [f"HTTP/1.1 {response.status} {reason}"]
    headers = {} if keep_alive else {"Connection": "close"}  # kept alive without a word, as HTTP/1.1 has it
    body = response.body if with_body else b""
    if response.chunked:
        headers["Transfer-Encoding"] = "chunked"
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    elif response.status != http.HTTPStatus.NO_CONTENT:
        headers["Content-Length"] = str(len(response.body))
    lines += [f"{name}: {value}" for name, value in {**headers, **response.headers}.items()]
    writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
    await writer.drain()
