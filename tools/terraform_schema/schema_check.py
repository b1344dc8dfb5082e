"""Holds the blocks of a module to the provider's schema: names, form, and what must be there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from . import hcl
from .hcl import At, Block
from .provider import Item, Provider, Schema, nearest

Report = Callable[[At, str], None]

# Arguments and blocks that Terraform itself has for each kind of block.
META = {
    "resource": {"count", "for_each", "provider", "depends_on"},
    "data": {"count", "for_each", "provider", "depends_on"},
    "ephemeral": {"count", "for_each", "provider", "depends_on"},
    "provider": {"alias", "version"},
}
CONDITIONS = {"precondition", "postcondition"}
META_BLOCKS = {
    "resource": {"lifecycle", "provisioner", "connection"},
    "data": {"lifecycle"},
    "ephemeral": {"lifecycle"},
    "provider": set(),
}
LIFECYCLE = {"create_before_destroy", "prevent_destroy", "ignore_changes", "replace_triggered_by"}
# https://developer.hashicorp.com/terraform/language/resources/terraform-data
BUILT_IN = {
    ("resource", "terraform_data"): Schema(
        {
            "input": Item(),
            "triggers_replace": Item(),
            "id": Item(settable=False),
            "output": Item(settable=False),
        }
    )
}


def check_schema(block: Block, provider: Provider, report: Report) -> None:
    """Checks a `resource`, `data`, `ephemeral` or `provider` block, all the way down."""
    if not block.labels:
        return
    kind = block.labels[0]
    schema = BUILT_IN.get((block.kind, kind)) or provider.schema(block.kind, kind)
    if schema is None:
        report(block.label_at[0], missing_type(block.kind, kind, provider))
        return
    own = Block(block.kind, block.labels, block.at)
    own.attributes = [it for it in block.attributes if it.name not in META[block.kind]]
    own.blocks = [it for it in block.blocks if it.kind not in META_BLOCKS[block.kind]]
    check_body(own, schema, f'{block.kind} "{kind}"', report)
    for inner in block.blocks:
        if inner.kind == "lifecycle":
            check_lifecycle(inner, block.kind, schema, report)


def missing_type(purpose: str, kind: str, provider: Provider) -> str:
    if not kind.startswith("aws"):
        return f'{purpose} "{kind}": only the AWS provider can be checked'
    like = provider.nearest(purpose, kind)
    hint = f'; did you mean "{like}"?' if like else ""
    return f'AWS provider {provider.version} has no {purpose} "{kind}"{hint}'


def check_body(block: Block, schema: Schema, where: str, report: Report) -> None:
    seen: Counter[str] = Counter()
    for attribute in block.attributes:
        seen[attribute.name] += 1
        check_argument(attribute, schema, where, report)
    for inner in block.blocks:
        name = inner.labels[0] if inner.kind == "dynamic" and inner.labels else inner.kind
        at = inner.label_at[0] if inner.kind == "dynamic" and inner.labels else inner.at
        item = schema.items.get(name)
        if item is None:
            report(at, f"{where}: " + no_such("block", name, [key for key, it in schema.items.items() if it.block]))
            continue
        if not item.block:
            what = "an argument" if item.settable else "set by AWS"
            report(at, f'{where}: "{name}" is {what}, not a block')
            continue
        seen[name] += 1
        content = dynamic_content(inner, where, report) if inner.kind == "dynamic" else inner
        nested = schema.nested(name)
        if content and nested:
            check_body(content, nested, f"{where}, {name}", report)
    for name, item in schema.items.items():
        if item.required and not seen[name]:
            report(block.at, f'{where}: "{name}" is required')
        if seen[name] > 1 and (not item.block or item.single):
            report(block.at, f'{where}: "{name}" may be there once only')


def check_argument(attribute: hcl.Attribute, schema: Schema, where: str, report: Report) -> None:
    item = schema.items.get(attribute.name)
    if item is None:
        settable = [key for key, it in schema.items.items() if it.settable]
        report(attribute.at, f"{where}: " + no_such("argument", attribute.name, settable))
    elif not item.settable:
        report(attribute.at, f'{where}: "{attribute.name}" is set by AWS')
    elif not item.attribute:
        report(attribute.at, f'{where}: "{attribute.name}" is a block: write it without "="')


def no_such(what: str, name: str, among: list[str]) -> str:
    like = nearest(name, among)
    return f'there is no {what} "{name}"' + (f'; did you mean "{like}"?' if like else "")


def dynamic_content(block: Block, where: str, report: Report) -> Block | None:
    """The `content` of a `dynamic` block."""
    for attribute in block.attributes:
        if attribute.name not in ("for_each", "iterator", "labels"):
            report(attribute.at, f'{where}: dynamic takes no "{attribute.name}"')
    if not block.has("for_each"):
        report(block.at, f'{where}: dynamic needs a "for_each"')
    contents = [inner for inner in block.blocks if inner.kind == "content"]
    if len(contents) != 1 or len(block.blocks) != 1:
        report(block.at, f'{where}: dynamic needs one block, "content"')
        return None
    return contents[0]


def check_lifecycle(block: Block, purpose: str, schema: Schema, report: Report) -> None:
    words = LIFECYCLE if purpose == "resource" else set()
    for attribute in block.attributes:
        if attribute.name not in words:
            report(attribute.at, "lifecycle: " + no_such("argument", attribute.name, sorted(words)))
        elif attribute.name == "ignore_changes":
            for use in hcl.uses(attribute.value, attribute.at.file):
                if isinstance(use, hcl.Reference) and use.root not in ("all", *schema.items):
                    report(use.at, "ignore_changes: " + no_such("argument", use.root, list(schema.items)))
    for inner in block.blocks:
        if inner.kind not in CONDITIONS:
            report(inner.at, "lifecycle: " + no_such("block", inner.kind, sorted(CONDITIONS)))
