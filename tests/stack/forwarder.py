"""A pooler or a gateway that only forwards bytes: `forwarder.py PORT UPSTREAM`, the latter a URL or a DSN."""

import asyncio
import sys
from asyncio import StreamReader, StreamWriter
from urllib.parse import urlsplit


async def _pump(reader: StreamReader, writer: StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
    finally:
        writer.close()


async def main(port: int, upstream: str) -> None:
    there = urlsplit(upstream)

    async def forward(reader: StreamReader, writer: StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(there.hostname, there.port)
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(forward, "127.0.0.1", port)
    await server.serve_forever()


asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
