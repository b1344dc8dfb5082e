"""A stand-in for the AWS provider: it knows the provider's schema and nothing else, and reaches nobody.

With it the real Terraform can do what needs no more than a schema: `terraform validate`, and `terraform test` where the
provider is mocked. It speaks Terraform's plugin protocol 5 (docs/plugin-protocol in Terraform's repository), which is
gRPC with messages so few and simple that they are written here by hand. What it does not answer, such as a plan without
a mock, ends in "unimplemented".

    python3 -m terraform_schema.stand_in SOCKET FOLDER…    prints "ready", and serves until it is ended
"""

from __future__ import annotations

import json
import sys
from concurrent import futures
from pathlib import Path

import grpc

from . import hcl
from .__main__ import environment
from .provider import Item, Provider, Schema

# Schema.NestedBlock.NestingMode
NESTING = {"struct": 1, "list": 2, "set": 3, "map": 4}


def field(number: int, value: bytes | str | int) -> bytes:
    """One field of a protocol-buffers message; what is zero or empty is left out, as the format has it."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value) if value else b""
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def block(schema: Schema) -> bytes:
    """A Schema.Block message."""
    message = b""
    for name, item in schema.items.items():
        nested = schema.nested(name)
        if nested and item.block and not item.attribute:
            message += field(3, nested_block(name, item, nested))
        else:
            message += field(2, attribute(name, item, nested))
    return message


def attribute(name: str, item: Item, nested: Schema | None) -> bytes:
    optional = item.settable and not item.required
    return (
        field(1, name)
        + field(2, json.dumps(type_of(item, nested)))
        + field(4, item.required)
        + field(5, optional)
        + field(6, item.computed)
    )


def nested_block(name: str, item: Item, nested: Schema) -> bytes:
    single = item.single and item.collection in ("list", "set")
    return (
        field(1, name)
        + field(2, block(nested))
        + field(3, NESTING[item.collection])
        + field(4, int(item.required and item.collection != "struct"))
        + field(5, int(single))
    )


def type_of(item: Item, nested: Schema | None):
    """An attribute's type as Terraform writes it in JSON; "dynamic", which takes anything, where it is not known."""
    if nested is None:
        return item.type or "dynamic"
    members = {name: type_of(inner, nested.nested(name)) for name, inner in nested.items.items()}
    whole = ["object", members]
    return whole if item.collection == "struct" else [item.collection, whole]


def schema_response(provider: Provider, folders: list[Path]) -> bytes:
    """GetProviderSchema.Response, with the resources and data sources that the folders use."""
    message = field(1, field(2, block(provider.schema("provider", "aws"))))
    for purpose, kind in sorted(used(folders)):
        schema = provider.schema(purpose, kind)
        if schema:
            entry = field(1, kind) + field(2, field(2, block(schema)))
            message += field(2 if purpose == "resource" else 3, entry)
    return message


def used(folders: list[Path]) -> set[tuple[str, str]]:
    found = set()
    for folder in folders:
        for file in folder.glob("*.tf"):
            blocks = hcl.parse(file, str(file)).blocks
            for it in [*blocks, *(inner for check in blocks if check.kind == "check" for inner in check.blocks)]:
                if it.kind in ("resource", "data"):
                    found.add((it.kind, it.labels[0]))
    return found


def serve(socket: str, folders: list[Path]) -> None:
    provider, _ = environment()
    response = schema_response(provider, folders)
    answers = {
        "GetSchema": lambda request: response,
        # Request and response both have the configuration, unchanged, in their first field.
        "PrepareProviderConfig": lambda request: request,
        # No diagnostics.
        "ValidateResourceTypeConfig": lambda request: b"",
        "ValidateDataSourceConfig": lambda request: b"",
        "Configure": lambda request: b"",
        "Stop": lambda request: b"",
    }
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(lambda request, context, answer=answer: answer(request))
        for name, answer in answers.items()
    }
    # One thread per call in flight: Terraform validates in parallel.
    server = grpc.server(futures.ThreadPoolExecutor(16), options=[("grpc.max_send_message_length", -1)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("tfplugin5.Provider", handlers),))
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    serve(sys.argv[1], [Path(folder) for folder in sys.argv[2:]])
