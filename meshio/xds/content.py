"""What a data source holds: bytes in the resource itself, in a file, or in the environment. Read once."""

import os

from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import DataSource

DEVICES = ("/dev/", "/proc/", "/sys/")  # as Envoy has it: filesystem_impl.cc, `illegalPath`
LARGEST = 1024 * 1024  # bytes of a file, where nothing else bounds it


def content(place: Place, source: DataSource, longest: int = LARGEST) -> bytes:
    """The bytes, at most `longest` of them. Raises Rejected."""
    found = read(place, source, longest)
    if len(found) > longest:
        raise place.rejected(f"is longer than allowed ({longest} bytes)")
    return found


def read(place: Place, source: DataSource, longest: int) -> bytes:
    if source.inline_string is not None:
        return source.inline_string.encode()
    if source.inline_bytes is not None:
        return source.inline_bytes
    if source.environment_variable is not None:
        value = os.environb.get(source.environment_variable.encode())
        if value is None:
            raise place.rejected(f"there is no {source.environment_variable!r}", "environment_variable")
        return value
    if source.filename:
        if os.path.realpath(source.filename).startswith(DEVICES):
            raise place.rejected("devices and the kernel's own files are not read", "filename")
        try:
            with open(source.filename, "rb") as file:
                return file.read(longest + 1)
        except (OSError, ValueError) as error:
            raise place.rejected(str(error), "filename") from None
    raise place.rejected("names no source")
