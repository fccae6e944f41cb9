"""The quickest receiver of webhooks: reads a request, answers as its path says, keeps the connection.

    python -m benchmarks.receiver PORT

`/ok` is taken, `/sick` is a 500, `/hangs` is never answered.  `GET /count` says how many `/ok` has had.
"""

from __future__ import annotations

import asyncio
import sys

_TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
_SICK = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"


class Receiver(asyncio.Protocol):
    """One connection."""

    taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while True:
            head, found, rest = self._read.partition(b"\r\n\r\n")
            if not found:
                return
            _before, _name, after = head.lower().partition(b"content-length:")
            length = int(after.split(b"\r\n", 1)[0]) if after else 0
            if len(rest) < length:
                return
            self._read = rest[length:]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        if head.startswith(b"POST /ok"):
            Receiver.taken += 1
            self._transport.write(_TAKEN)
        elif head.startswith(b"POST /sick"):
            self._transport.write(_SICK)
        elif head.startswith(b"GET /count"):
            count = str(Receiver.taken).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(count), count))


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
