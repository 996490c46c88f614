"""The HTTP/2 side of an upstream: the stream on which it tells how much load it has (out-of-band ORCA reports)."""

import asyncio
from collections.abc import Mapping
from typing import Any, TypeAlias

import h2.config
import h2.connection
import h2.events
from google.protobuf import json_format
from xds.data.orca.v3.orca_load_report_pb2 import OrcaLoadReport

PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
HEAD = [(":status", "200"), ("content-type", "application/grpc")]


Load: TypeAlias = Mapping[str, Any] | str | None
"""A report, the gRPC status that there is instead, or None for who knows nothing of it."""


async def tell(told: Load, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each question of one connection."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    connection.initiate_connection()
    connection.receive_data(PREFACE)
    while True:
        writer.write(connection.data_to_send())
        if not (data := await reader.read(65536)):
            return
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.StreamEnded):
                answer(connection, event.stream_id, told)


def answer(connection: h2.connection.H2Connection, stream: int, told: Load) -> None:
    if told is None or isinstance(told, str):
        connection.send_headers(stream, [*HEAD, ("grpc-status", told or "12")], end_stream=True)
        return
    raw = json_format.ParseDict(dict(told), OrcaLoadReport()).SerializeToString()
    connection.send_headers(stream, HEAD)
    connection.send_data(stream, bytes(1) + len(raw).to_bytes(4, "big") + raw)
