"""Peers for tests, shipped for those who build on meshio: a control plane that follows a script, and a fake clock.

    async with ControlPlane() as plane:
        source = XdsSource(plane.bootstrap())
        ...
        stream = await plane.accept()
        ask = await stream.ask()                                   # what the client asked for
        await stream.reply(ask.type_url, "1", "nonce-1", {"reviews": raw})

Nothing is simulated: the control plane is a gRPC server on a loopback port, and `Relay` cuts real connections.
"""

from meshio.testing.clock import LeapingLoop, run
from meshio.testing.control_plane import ControlPlane
from meshio.testing.relay import Relay, unused_port
from meshio.testing.stream import ScriptedStream, World

__all__ = ["ControlPlane", "LeapingLoop", "Relay", "ScriptedStream", "World", "run", "unused_port"]
