"""Small pieces that several resources are made of."""

from datetime import timedelta

from betterproto2 import Message

from meshio.resilience.fault import Fraction
from meshio.routing.mutation import Append, HeaderMutation, HeaderValue
from meshio.upstream.endpoint import is_path
from meshio.xds.proto.envoy.config.core.v3 import Address as AddressMessage
from meshio.xds.proto.envoy.config.core.v3 import (
    AggregatedConfigSource,
    ApiVersion,
    ConfigSource,
    HeaderValueOption,
    HeaderValueOptionHeaderAppendAction,
    Metadata,
    Pipe,
    RuntimeDouble,
    RuntimeFractionalPercent,
    SocketAddress,
    TypedExtensionConfig,
)
from meshio.xds.proto.envoy.config.core.v3 import HeaderValue as HeaderValueMessage
from meshio.xds.proto.envoy.type.matcher.v3 import RegexMatchAndSubstitute, RegexMatcher
from meshio.xds.proto.envoy.type.v3 import FractionalPercent, FractionalPercentDenominatorType
from meshio.xds.proto.google.protobuf import Any, Struct

ACTIONS: dict[Append, HeaderValueOptionHeaderAppendAction] = {
    "append": HeaderValueOptionHeaderAppendAction.APPEND_IF_EXISTS_OR_ADD,
    "add_if_absent": HeaderValueOptionHeaderAppendAction.ADD_IF_ABSENT,
    "overwrite": HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
    "overwrite_if_exists": HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS,
}
DENOMINATORS = {
    100: FractionalPercentDenominatorType.HUNDRED,
    10_000: FractionalPercentDenominatorType.TEN_THOUSAND,
    1_000_000: FractionalPercentDenominatorType.MILLION,
}


def packed(message: Message) -> Any:
    return Any.pack(message)


def extension(name: str, message: Message) -> TypedExtensionConfig:
    return TypedExtensionConfig(name=name, typed_config=packed(message))


def seconds(value: float | None) -> timedelta | None:
    """A Duration; None leaves the field out."""
    return None if value is None else timedelta(seconds=value)


def never_none(value: float | None) -> timedelta:
    """A Duration where an absent field has a default of its own, and 0 says "none"."""
    return timedelta(seconds=value or 0.0)


def runtime_double(value: float) -> RuntimeDouble:
    """Envoy wants a name for whatever could be changed at run time."""
    return RuntimeDouble(default_value=value, runtime_key="meshio.balancing")


def over_ads() -> ConfigSource:
    """ "Ask on the stream this came on." istiod wants Envoy to wait without end for what it was told to ask for."""
    return ConfigSource(
        ads=AggregatedConfigSource(), initial_fetch_timeout=timedelta(0), resource_api_version=ApiVersion.V3
    )


def address(host: str, port: int) -> AddressMessage:
    if is_path(host):
        return AddressMessage(pipe=Pipe(path=host))
    return AddressMessage(socket_address=SocketAddress(address=host, port_value=port))


def metadata(**filters: dict[str, object]) -> Metadata | None:
    """Filter metadata by (Python-spelt) name; empty values and filters are left out. None when nothing is left."""
    kept = {name: {key: value for key, value in fields.items() if value} for name, fields in filters.items()}
    structs = {name.replace("__", "."): Struct.from_dict(fields) for name, fields in kept.items() if fields}
    return Metadata(filter_metadata=structs) if structs else None


def share(fraction: Fraction) -> FractionalPercent:
    return FractionalPercent(numerator=fraction.numerator, denominator=DENOMINATORS[fraction.denominator])


def runtime_share(fraction: Fraction) -> RuntimeFractionalPercent:
    return RuntimeFractionalPercent(default_value=share(fraction))


def regex(pattern: str) -> RegexMatcher:
    return RegexMatcher(regex=pattern)


def substitution(pattern: str, replacement: str) -> RegexMatchAndSubstitute:
    return RegexMatchAndSubstitute(pattern=regex(pattern), substitution=replacement)


def headers_to_add(mutation: HeaderMutation) -> list[HeaderValueOption]:
    return [header_to_add(each) for each in mutation.add]


def header_to_add(value: HeaderValue) -> HeaderValueOption:
    return HeaderValueOption(
        header=HeaderValueMessage(key=value.name, value=value.value),
        append_action=ACTIONS[value.action],
        keep_empty_value=value.keep_empty,
    )


def text(value: bytes) -> str:
    """Protobuf strings are UTF-8. Raises UnicodeDecodeError for other bytes, which no control plane can have sent."""
    return value.decode()
