"""The buffer filter -> `Buffer`."""

from meshio.resilience.buffering import Buffer as BufferLayer
from meshio.xds.extension import open_message
from meshio.xds.place import Place
from meshio.xds.proto.envoy.extensions.filters.http.buffer.v3 import Buffer, BufferPerRoute


def translate_buffer(place: Place, raw: bytes) -> BufferLayer:
    """The filter's own config."""
    return buffer(place, open_message(place, Buffer, raw))


def translate_override(place: Place, raw: bytes) -> BufferLayer:
    """What one level of a route table says."""
    config = open_message(place, BufferPerRoute, raw)
    if config.buffer is not None:
        return buffer(place.at("buffer"), config.buffer)
    if not config.disabled:
        raise place.rejected("says neither a buffer nor that there is none", "disabled")
    return BufferLayer()


def buffer(place: Place, config: Buffer) -> BufferLayer:
    if not config.max_request_bytes:
        raise place.rejected("must be more than 0", "max_request_bytes")
    return BufferLayer(config.max_request_bytes)
