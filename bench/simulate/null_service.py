"""A service that does next to nothing, so that the cost of driving it is measured.

`python -m bench.simulate.null_service N_TRACKS LATE` prints its address and runs until
killed; one answer in fifty comes LATE seconds late.
"""

import asyncio
import sys
from zlib import crc32


class Null(asyncio.Protocol):
    """Answers every packet as if it were one request, with a track made from its bytes."""

    def __init__(self, n_tracks: int, late: float) -> None:
        self._n_tracks = n_tracks
        self._late = late

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        chosen = crc32(data)
        body = b'{"user":0,"track":%d}' % (chosen % self._n_tracks)
        answer = (
            b"HTTP/1.1 200 OK\r\nServer: null\r\nConnection: keep-alive\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        if self._late and chosen % 50 == 0:
            asyncio.get_running_loop().call_later(self._late, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def serve(n_tracks: int, late: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Null(n_tracks, late), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
