"""Header changes at the moment a host is chosen, anew for every try: upstream HTTP filters.

Envoy: router/upstream_request.cc, checked on 1.40. Commands know the host here. What a try changes in the request stays
for the next one.
"""

from collections.abc import Sequence
from dataclasses import replace

from meshio.message import Layer, Request, Response, Send
from meshio.routing.alteration import Alteration


def outward(send: Send, layers: Sequence[Layer]) -> Send:
    """A connection's `send` behind these filters, the first of them first."""
    for layer in reversed(layers):
        send = altered(send, layer) if isinstance(layer, Alteration) else layer.around(send)
    return send


def altered(send: Send, alteration: Alteration) -> Send:
    """What changes headers, with commands that know the host."""
    chosen = replace(alteration, known=replace(alteration.known, chosen=True))
    changes, finish = chosen.changes(), chosen.responses()

    async def sending(request: Request) -> Response:
        for change in changes:
            change(request, None)
        response = await send(request)
        if finish is not None:
            finish(request, response)
        return response

    return sending
