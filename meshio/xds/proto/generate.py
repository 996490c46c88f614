"""Make the protobuf classes of meshio: `python meshio/xds/proto/generate.py [--check]`.

Input: the official descriptors that the package `xds-protos` carries, our `*.proto`, and `messages.txt`, which
lists what is wanted. Output: one package per protobuf package beside this file, written by betterproto2, committed, never
edited. `--check` writes nothing and fails when the committed files differ from what would be written.

Why the descriptors are pruned: the closure of one `Listener` is some 900 messages. A message that is not
listed is not generated; a field of such a type becomes `bytes` under its own name and number, which the wire format
allows, so translation still sees that it is set and can refuse it by name.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path = [entry for entry in sys.path if Path(entry).resolve() != HERE]  # `google` here is not the `google` there

import grpc_tools
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from grpc_tools import protoc

PINNED = {"betterproto2_compiler": "0.10.1", "xds-protos": "1.85.0", "grpcio-tools": "1.85.1", "ruff": "0.17.6"}
SERVICES = {"AggregatedDiscoveryService", "IstioCertificateService"}
ROOTS = (
    "envoy.service.discovery.v3.ads_pb2",
    "envoy.config.cluster.v3.cluster_pb2",
    "envoy.config.common.matcher.v3.matcher_pb2",
    "envoy.config.listener.v3.listener_pb2",
    "envoy.config.rbac.v3.rbac_pb2",
    "envoy.config.route.v3.route_pb2",
    "envoy.extensions.clusters.aggregate.v3.cluster_pb2",
    "envoy.extensions.clusters.dns.v3.dns_cluster_pb2",
    "envoy.extensions.clusters.dynamic_forward_proxy.v3.cluster_pb2",
    "envoy.extensions.common.dynamic_forward_proxy.v3.dns_cache_pb2",
    "envoy.extensions.common.matching.v3.extension_matcher_pb2",
    "envoy.extensions.common.ratelimit.v3.ratelimit_pb2",
    "envoy.extensions.filters.http.adaptive_concurrency.v3.adaptive_concurrency_pb2",
    "envoy.extensions.filters.http.admission_control.v3.admission_control_pb2",
    "envoy.extensions.filters.http.buffer.v3.buffer_pb2",
    "envoy.extensions.filters.http.cors.v3.cors_pb2",
    "envoy.extensions.filters.http.dynamic_forward_proxy.v3.dynamic_forward_proxy_pb2",
    "envoy.extensions.filters.http.fault.v3.fault_pb2",
    "envoy.extensions.filters.http.header_mutation.v3.header_mutation_pb2",
    "envoy.extensions.filters.http.local_ratelimit.v3.local_rate_limit_pb2",
    "envoy.extensions.filters.http.rbac.v3.rbac_pb2",
    "envoy.extensions.filters.http.router.v3.router_pb2",
    "envoy.extensions.filters.http.stateful_session.v3.stateful_session_pb2",
    "envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2",
    "envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.sni_dynamic_forward_proxy_pb2",
    "envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2",
    "envoy.extensions.http.header_formatters.preserve_case.v3.preserve_case_pb2",
    "envoy.extensions.http.stateful_session.cookie.v3.cookie_pb2",
    "envoy.extensions.http.stateful_session.header.v3.header_pb2",
    "envoy.extensions.internal_redirect.allow_listed_routes.v3.allow_listed_routes_config_pb2",
    "envoy.extensions.internal_redirect.previous_routes.v3.previous_routes_config_pb2",
    "envoy.extensions.internal_redirect.safe_cross_scheme.v3.safe_cross_scheme_config_pb2",
    "envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.client_side_weighted_round_robin_pb2",
    "envoy.extensions.load_balancing_policies.cluster_provided.v3.cluster_provided_pb2",
    "envoy.extensions.load_balancing_policies.least_request.v3.least_request_pb2",
    "envoy.extensions.load_balancing_policies.maglev.v3.maglev_pb2",
    "envoy.extensions.load_balancing_policies.override_host.v3.override_host_pb2",
    "envoy.extensions.load_balancing_policies.pick_first.v3.pick_first_pb2",
    "envoy.extensions.load_balancing_policies.random.v3.random_pb2",
    "envoy.extensions.load_balancing_policies.ring_hash.v3.ring_hash_pb2",
    "envoy.extensions.load_balancing_policies.round_robin.v3.round_robin_pb2",
    "envoy.extensions.load_balancing_policies.subset.v3.subset_pb2",
    "envoy.extensions.load_balancing_policies.wrr_locality.v3.wrr_locality_pb2",
    "envoy.extensions.matching.common_inputs.network.v3.network_inputs_pb2",
    "envoy.extensions.matching.input_matchers.ip.v3.ip_pb2",
    "envoy.extensions.matching.input_matchers.metadata.v3.metadata_pb2",
    "envoy.extensions.matching.input_matchers.runtime_fraction.v3.runtime_fraction_pb2",
    "envoy.extensions.network.dns_resolver.cares.v3.cares_dns_resolver_pb2",
    "envoy.extensions.network.dns_resolver.getaddrinfo.v3.getaddrinfo_dns_resolver_pb2",
    "envoy.extensions.path.match.uri_template.v3.uri_template_match_pb2",
    "envoy.extensions.path.rewrite.uri_template.v3.uri_template_rewrite_pb2",
    "envoy.extensions.request_id.uuid.v3.uuid_pb2",
    "envoy.extensions.retry.host.omit_canary_hosts.v3.omit_canary_hosts_pb2",
    "envoy.extensions.retry.host.omit_host_metadata.v3.omit_host_metadata_config_pb2",
    "envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2",
    "envoy.extensions.retry.priority.previous_priorities.v3.previous_priorities_config_pb2",
    "envoy.extensions.transport_sockets.raw_buffer.v3.raw_buffer_pb2",
    "envoy.extensions.transport_sockets.tls.v3.tls_pb2",
    "envoy.extensions.upstreams.http.v3.http_protocol_options_pb2",
    "envoy.type.matcher.v3.http_inputs_pb2",
    "udpa.type.v1.typed_struct_pb2",
    "xds.data.orca.v3.orca_load_report_pb2",
    "xds.type.matcher.v3.http_inputs_pb2",
    "xds.type.matcher.v3.matcher_pb2",
    "xds.type.v3.typed_struct_pb2",
)


def main() -> int:
    """Generate, then write or compare. Returns the exit code."""
    check_versions()
    request = CodeGeneratorRequest(parameter="client_generation=async,server_generation=async")
    request.proto_file.extend(prune(descriptors(), wanted_messages()))
    request.file_to_generate.extend(file.name for file in request.proto_file)
    files = without_empty_classes(compile_classes(request))
    if "--check" in sys.argv[1:]:
        return report(sorted(differences(files)))
    write(files)
    return 0


def check_versions() -> None:
    """Other versions would write other files."""
    wrong = [f"{name}=={want} (found {version(name)})" for name, want in PINNED.items() if version(name) != want]
    if wrong:
        sys.exit("install exactly " + ", ".join(wrong))


def wanted_messages() -> set[str]:
    """The names in messages.txt, and those of the messages around them."""
    lines = (HERE / "messages.txt").read_text().splitlines()
    names = {line for line in lines if line and not line.startswith("#")}
    return names | {outer for name in names for outer in enclosing(name)}


def enclosing(name: str) -> Iterator[str]:
    """`a.b.Outer.Inner` -> `a.b.Outer`: the names with a capital that are part of it."""
    while (name := name.rpartition(".")[0]) and name.rpartition(".")[2][:1].isupper():
        yield name


def descriptors() -> list[FileDescriptorProto]:
    """Every file that the roots need, imports first, and our own."""
    found: dict[str, FileDescriptorProto] = {}
    for module in ROOTS:
        collect(import_module(module).DESCRIPTOR, found)
    for file in own_descriptors():
        found.setdefault(file.name, file)
    return list(found.values())


def collect(file: FileDescriptor, found: dict[str, FileDescriptorProto]) -> None:
    """Add a file after the files it imports."""
    if file.name in found:
        return
    for imported in file.dependencies:
        collect(imported, found)
    found[file.name] = FileDescriptorProto.FromString(file.serialized_pb)


def own_descriptors() -> list[FileDescriptorProto]:
    """What protoc makes of the .proto files beside this script."""
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    with tempfile.NamedTemporaryFile() as out:
        own = sorted(path.name for path in HERE.glob("*.proto"))
        flags = [f"-I{HERE}", f"-I{well_known}", f"-o{out.name}", "--include_imports"]
        if protoc.main(["protoc", *flags, *own]) != 0:
            sys.exit("protoc failed")
        return list(FileDescriptorSet.FromString(Path(out.name).read_bytes()).file)


def prune(files: Iterable[FileDescriptorProto], wanted: set[str]) -> list[FileDescriptorProto]:
    """Only the wanted messages, the enums they use and the wanted services."""
    files = list(files)
    for file in files:
        prune_file(file, wanted)
    messages = {name: message for file in files for name, message in messages_of(file)}
    if missing := sorted(wanted - messages.keys()):
        sys.exit(f"messages.txt names what the descriptors do not have: {', '.join(missing)}")
    used = {field.type_name for message in messages.values() for field in message.field}
    for file in files:
        keep_enums(file.enum_type, f".{file.package}", used)
        for name, message in messages_of(file):
            keep_enums(message.enum_type, f".{name}", used)
    return [file for file in files if file.message_type or file.enum_type or file.service]


def prune_file(file: FileDescriptorProto, wanted: set[str]) -> None:
    """Strip one file in place."""
    file.ClearField("extension")
    file.ClearField("options")
    file.source_code_info.ClearField("location")  # present but empty: the compiler stops without it
    file.source_code_info.SetInParent()
    keep(file.message_type, [m for m in file.message_type if prune_message(m, f"{file.package}.{m.name}", wanted)])
    keep(file.service, [service for service in file.service if service.name in SERVICES])
    for service in file.service:
        service.ClearField("options")


def prune_message(message: DescriptorProto, name: str, wanted: set[str]) -> bool:
    """Strip one message and those inside it, in place; False when it is not wanted."""
    if name not in wanted:
        return False
    maps = {f".{name}.{m.name}": m for m in message.nested_type if m.options.map_entry}
    for field in message.field:
        field.ClearField("options")  # also `deprecated`, for which the generated class would warn
        if field.type_name in maps:
            prune_map(field, maps[field.type_name], wanted)
        elif is_opaque(field, wanted):
            make_bytes(field)
    nested = [m for m in message.nested_type if prune_message(m, f"{name}.{m.name}", wanted)]
    used = {field.type_name for field in message.field}
    keep(message.nested_type, nested + [entry for entry_name, entry in maps.items() if entry_name in used])
    message.ClearField("extension")
    if not message.options.map_entry:
        message.ClearField("options")
    for choice in message.oneof_decl:
        choice.ClearField("options")
    return True


def prune_map(field: FieldDescriptorProto, entry: DescriptorProto, wanted: set[str]) -> None:
    """A map to unwanted messages stays a map, to bytes."""
    if is_opaque(entry.field[1], wanted):
        make_bytes(entry.field[1])


def is_opaque(field: FieldDescriptorProto, wanted: set[str]) -> bool:
    return field.type == FieldDescriptorProto.TYPE_MESSAGE and field.type_name[1:] not in wanted


def make_bytes(field: FieldDescriptorProto) -> None:
    """An embedded message has the wire format of bytes. Optional, as messages are, so that an empty one is seen."""
    field.type = FieldDescriptorProto.TYPE_BYTES
    field.ClearField("type_name")
    singular = field.label == FieldDescriptorProto.LABEL_OPTIONAL and not field.HasField("oneof_index")
    field.proto3_optional = singular


def keep_enums(enums: "list[EnumDescriptorProto]", scope: str, used: set[str]) -> None:
    keep(enums, [enum for enum in enums if f"{scope}.{enum.name}" in used])
    for enum in enums:
        enum.ClearField("options")
        for value in enum.value:
            value.ClearField("options")


def keep(items: list, chosen: list) -> None:  # type: ignore[type-arg]
    """Leave only the chosen in a repeated field (they may be members of it)."""
    copies = [type(item).FromString(item.SerializeToString()) for item in chosen]
    del items[:]
    items.extend(copies)


def messages_of(file: FileDescriptorProto) -> Iterator[tuple[str, DescriptorProto]]:
    """Every message of a file with its full name, nested ones too."""
    todo = [(f"{file.package}.{message.name}", message) for message in file.message_type]
    while todo:
        name, message = todo.pop()
        yield name, message
        todo += [(f"{name}.{nested.name}", nested) for nested in message.nested_type if not nested.options.map_entry]


def compile_classes(request: CodeGeneratorRequest) -> dict[str, str]:
    """Run the betterproto2 plugin. In an empty folder and without hash seeds, so that only the input counts."""
    environment = os.environ | {"PYTHONHASHSEED": "0", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory() as empty:
        plugin = subprocess.run(
            [sys.executable, "-m", "betterproto2_compiler.plugin"],
            input=request.SerializeToString(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=empty,
            env=environment,
            check=False,
        )
    if plugin.returncode:
        sys.exit(plugin.stderr.decode())
    response = CodeGeneratorResponse.FromString(plugin.stdout)
    return {file.name: file.content for file in response.file if file.name != "py.typed"}


def without_empty_classes(files: dict[str, str]) -> dict[str, str]:
    """Every package folder up to ours needs an __init__.py; the plugin makes some of them without content."""
    return {name: content or "" for name, content in sorted(files.items()) if name != "__init__.py"}


def differences(files: dict[str, str]) -> Iterator[str]:
    """Paths whose committed content is not what was generated."""
    for name, content in files.items():
        path = HERE / name
        if not path.exists() or path.read_text() != content:
            yield name
    yield from (str(path.relative_to(HERE)) for path in generated() if str(path.relative_to(HERE)) not in files)


def generated() -> list[Path]:
    """What an earlier run has written."""
    return [path for path in HERE.rglob("*.py") if path.parent != HERE or path.name == "message_pool.py"]


def report(changed: list[str]) -> int:
    for name in changed:
        print(f"{name} differs from what generate.py writes", file=sys.stderr)
    return 1 if changed else 0


def write(files: dict[str, str]) -> None:
    """Replace everything that an earlier run has written."""
    for folder in [path for path in HERE.iterdir() if path.is_dir()]:
        shutil.rmtree(folder)
    for name, content in files.items():
        path = HERE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


if __name__ == "__main__":
    sys.exit(main())
