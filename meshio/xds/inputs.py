"""What the matchers of HTTP filters may ask about, beside headers: the connection, and the query -> `Input`."""

from meshio.matching.inputs import AddressInput, Input, NothingInput, PortInput, QueryInput
from meshio.xds.extension import open_message
from meshio.xds.place import Place
from meshio.xds.proto.envoy.type.matcher.v3 import HttpRequestQueryParamMatchInput
from meshio.xds.tree import NETWORK, ReadInput

SECURITY = "envoy.extensions.matching.common_inputs.ssl.v3."


def always(found: Input) -> ReadInput:
    """An input without settings."""
    return lambda place, raw: found


CONNECTION: dict[str, ReadInput] = {
    NETWORK + "DestinationPortInput": always(PortInput()),
    NETWORK + "SourceIPInput": always(AddressInput(forwarded=True)),
    NETWORK + "DirectSourceIPInput": always(AddressInput()),
    NETWORK + "ServerNameInput": always(NothingInput("server name")),
    NETWORK + "NetworkNamespaceInput": always(NothingInput("network namespace")),
    SECURITY + "UriSanInput": always(NothingInput("URI in a certificate")),
    SECURITY + "DnsSanInput": always(NothingInput("DNS name in a certificate")),
    SECURITY + "SubjectInput": always(NothingInput("subject of a certificate")),
}
"""What RBAC may ask about, too. Addresses that the application has connected to are not known."""


def query(place: Place, raw: bytes) -> Input:
    name = open_message(place, HttpRequestQueryParamMatchInput, raw).query_param
    if not name:
        raise place.rejected("has no name", "query_param")
    return QueryInput(name.encode())


REQUEST = CONNECTION | {"envoy.type.matcher.v3.HttpRequestQueryParamMatchInput": query}
"""What a filter under a condition may be asked about."""
