"""One Terraform module (a folder): what it declares, and whether all that it refers to is declared."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from . import hcl
from .hcl import At, Block, Call, Reference
from .provider import Provider, Schema
from .schema_check import BUILT_IN, Report, check_schema, no_such

# What is always there, and is not declared in a module.
ROOTS = {"path", "terraform"}
# Where the names of the things inside are not references to things that exist.
NOT_REFERENCES = {("provider",), ("providers",), ("ignore_changes",), ("from",)}
NAMED = {"resource": 2, "data": 2, "ephemeral": 2, "variable": 1, "output": 1, "module": 1, "provider": 1, "check": 1}
UNNAMED = {"terraform", "locals", "moved", "import", "removed"}
VARIABLE = {"type", "description", "default", "sensitive", "nullable", "ephemeral"}
OUTPUT = {"value", "description", "sensitive", "ephemeral", "depends_on"}
MODULE = {"source", "version", "providers", "count", "for_each", "depends_on"}
# https://developer.hashicorp.com/terraform/language/backend/s3
S3_BACKEND = {
    "access_key", "acl", "allowed_account_ids", "assume_role", "assume_role_with_web_identity", "bucket",
    "custom_ca_bundle", "dynamodb_table", "ec2_metadata_service_endpoint", "ec2_metadata_service_endpoint_mode",
    "encrypt", "endpoints", "forbidden_account_ids", "http_proxy", "https_proxy", "insecure", "key", "kms_key_id",
    "max_retries", "no_proxy", "profile", "region", "retry_mode", "secret_key", "shared_config_files",
    "shared_credentials_files", "skip_credentials_validation", "skip_metadata_api_check", "skip_region_validation",
    "skip_requesting_account_id", "skip_s3_checksum", "sse_customer_key", "sts_region", "token",
    "use_dualstack_endpoint", "use_fips_endpoint", "use_lockfile", "use_path_style", "workspace_key_prefix",
}  # fmt: skip


@dataclass(frozen=True)
class Function:
    """How many arguments a function takes; `most` is nothing where there is no limit."""

    least: int
    most: int | None


@dataclass
class Module:
    """The declarations of a folder's `.tf` files."""

    folder: Path
    blocks: list[Block] = field(default_factory=list)
    variables: dict[str, Block] = field(default_factory=dict)
    outputs: dict[str, Block] = field(default_factory=dict)
    modules: dict[str, Block] = field(default_factory=dict)
    locals: dict[str, At] = field(default_factory=dict)
    # ("resource", type, name), the same with "data" and "ephemeral"
    objects: dict[tuple[str, str, str], Block] = field(default_factory=dict)


def read_module(folder: Path, root: Path, report: Report) -> Module:
    """Reads all `.tf` files of a folder; one that does not parse is reported and left out."""
    module = Module(folder)
    for file in sorted(folder.glob("*.tf")):
        try:
            module.blocks += hcl.parse(file, str(file.relative_to(root))).blocks
        except hcl.SyntaxFault as fault:
            report(fault.at, str(fault))
    for block in module.blocks:
        declare(module, block, report)
    return module


def declare(module: Module, block: Block, report: Report) -> None:
    if block.kind == "locals":
        for attribute in block.attributes:
            add(module.locals, attribute.name, attribute.at, attribute.at, report)
        return
    expected = 0 if block.kind in UNNAMED else NAMED.get(block.kind)
    if expected is None:
        report(block.at, no_such("block", block.kind, [*NAMED, *UNNAMED]))
    elif len(block.labels) != expected:
        report(block.at, f'"{block.kind}" takes {expected} label(s), this has {len(block.labels)}')
    elif block.kind in ("resource", "data", "ephemeral"):
        add(module.objects, (block.kind, *block.labels), block, block.at, report)
    elif block.kind in ("variable", "output", "module"):
        add(getattr(module, block.kind + "s"), block.labels[0], block, block.at, report)
    elif block.kind == "check":
        for inner in block.blocks:
            if inner.kind == "data":
                add(module.objects, ("data", *inner.labels), inner, inner.at, report)


def add(names: dict, key, value, at: At, report: Report) -> None:
    if key in names:
        report(at, f"declared twice: {key if isinstance(key, str) else '.'.join(key)}")
    names[key] = value


class Checker:
    """Checks one module against the provider's schema, Terraform's functions and itself."""

    def __init__(self, module: Module, root: Path, provider: Provider, functions: dict[str, Function], report: Report):
        self.module = module
        self.root = root
        self.provider = provider
        self.functions = functions
        self.report = report
        self.used: set[tuple[str, ...]] = set()
        self.owner: Block | None = None

    def run(self) -> None:
        for block in self.module.blocks:
            self.owner = block
            self.check_form(block)
            self.check_uses(block, frozenset(), ())
        self.check_unused()
        for file in sorted(self.module.folder.glob("*.tfvars")):
            self.check_values(file)
        for file in sorted(self.module.folder.glob("*.s3.tfbackend")):
            for attribute in self.settings(file):
                if attribute.name not in S3_BACKEND:
                    self.report(attribute.at, no_such("setting of the s3 backend", attribute.name, list(S3_BACKEND)))

    def check_form(self, block: Block) -> None:
        if block.kind in ("resource", "data", "ephemeral", "provider"):
            check_schema(block, self.provider, self.report)
        elif block.kind == "check":
            for inner in block.blocks:
                if inner.kind == "data":
                    check_schema(inner, self.provider, self.report)
        elif block.kind == "variable":
            self.check_words(block, VARIABLE, {"validation"}, ("type", "description"))
        elif block.kind == "output":
            self.check_words(block, OUTPUT, {"precondition"}, ("value", "description"))
        elif block.kind == "module":
            self.check_module_call(block)

    def check_words(self, block: Block, words: set[str], blocks: set[str], needed: tuple[str, ...]) -> None:
        what = f'{block.kind} "{block.labels[0]}"' if block.labels else block.kind
        for attribute in block.attributes:
            if attribute.name not in words:
                self.report(attribute.at, f"{what}: " + no_such("argument", attribute.name, list(words)))
        for inner in block.blocks:
            if inner.kind not in blocks:
                self.report(inner.at, f"{what}: " + no_such("block", inner.kind, list(blocks)))
        for name in needed:
            if not block.has(name):
                self.report(block.at, f'{what} has no "{name}"')

    def check_module_call(self, block: Block) -> None:
        called = self.called_module(block)
        if called is None:
            return
        self.check_words(block, MODULE | set(called.variables), set(), ("source", *required(called)))

    def called_module(self, block: Block) -> Module | None:
        source = block.attribute("source")
        path = hcl.literal(source.value) if source else None
        if path is None or not path.startswith("."):
            self.report(block.at, "only modules of this repository (a source of ./ or ../) can be checked")
            return None
        return read_module((self.module.folder / path).resolve(), self.root, lambda at, message: None)

    # ── References ───────────────────────────────────────────────────────────────────────────────

    def check_uses(self, block: Block, scope: frozenset[str], instance: tuple[str, ...]) -> None:
        """All expressions of a block. `instance` says which of `each`, `count` and `self` have a meaning."""
        if block.kind in ("resource", "data", "ephemeral", "module"):
            instance = tuple(name for name, cause in (("each", "for_each"), ("count", "count")) if block.has(cause))
        if block.kind in ("provisioner", "connection", "postcondition"):
            instance = (*instance, "self")
        if block.kind == "dynamic":
            iterator = block.attribute("iterator")
            scope |= {hcl.text(iterator.value) if iterator else block.labels[0]}
        for attribute in block.attributes:
            if (attribute.name,) in NOT_REFERENCES or (block.kind, attribute.name) in (
                ("variable", "type"), ("dynamic", "iterator"),
            ):  # fmt: skip
                continue
            for use in hcl.uses(attribute.value, attribute.at.file, scope):
                if isinstance(use, Call):
                    self.check_call(use)
                elif use.root not in ("each", "count", "self"):
                    self.check_reference(use)
                elif use.root not in instance:
                    self.report(use.at, f'"{use}" has no meaning here')
        for inner in block.blocks:
            self.check_uses(inner, scope, instance)

    def check_call(self, call: Call) -> None:
        if "::" in call.function and not call.function.startswith("core::"):
            self.report(call.at, f'a function of a provider, "{call.function}", cannot be checked')
            return
        name = call.function.removeprefix("core::")
        function = self.functions.get(name)
        if function is None:
            self.report(call.at, no_such("function", name, list(self.functions)))
        elif call.arguments is not None:
            many = function.most is not None and call.arguments > function.most
            if many or call.arguments < function.least:
                self.report(call.at, f"{name}() does not take {call.arguments} argument(s)")

    def check_reference(self, reference: Reference) -> None:
        root, steps = reference.root, reference.steps
        first = steps[0] if steps else ""
        if root in ROOTS:
            return
        if root in ("var", "local"):
            names = self.module.variables if root == "var" else self.module.locals
            if first not in names:
                self.report(reference.at, no_such("variable" if root == "var" else "local value", first, list(names)))
            # What a variable's own validation says of it is no use.
            if root == "local" or self.owner is not self.module.variables.get(first):
                self.used.add((root, first))
        elif root == "module":
            self.check_output(reference)
        elif root in ("data", "ephemeral"):
            self.check_object(reference, (root, *steps[:2]), steps[2:])
        else:
            self.check_object(reference, ("resource", root, first), steps[1:])

    def check_output(self, reference: Reference) -> None:
        name, *steps = [step for step in reference.steps if step != "[]"]
        block = self.module.modules.get(name)
        if block is None:
            self.report(reference.at, no_such("module", name, list(self.module.modules)))
            return
        called = self.called_module(block)
        if called and steps and steps[0] not in called.outputs:
            self.report(reference.at, no_such(f'output of module "{name}"', steps[0], list(called.outputs)))

    def check_object(self, reference: Reference, key: tuple[str, ...], steps: tuple[str, ...]) -> None:
        block = self.module.objects.get(key)
        if block is None:
            names = [written(known) for known in self.module.objects]
            self.report(reference.at, no_such("declaration of", written(key), names))
            return
        self.used.add(key)
        several = block.has("count") or block.has("for_each")
        if steps:
            if several and steps[0] != "[]":
                self.report(reference.at, f'"{written(key)}" has instances (count, for_each): which one is meant?')
                return
            if not several and steps[0] == "[]" and len(steps) == 1:
                self.report(reference.at, f'"{written(key)}" has no instances (count, for_each) to choose from')
                return
        schema = BUILT_IN.get(key[:2]) or self.provider.schema(key[0], key[1])
        self.check_path(reference, schema, steps)

    def check_path(self, reference: Reference, schema: Schema | None, steps: tuple[str, ...]) -> None:
        for step in steps:
            if schema is None:
                return
            if step == "[]" or step.isdigit():
                continue
            if step not in schema.items:
                self.report(reference.at, f"{reference}: " + no_such("attribute", step, list(schema.items)))
                return
            schema = schema.nested(step)

    # ── What is declared and set ─────────────────────────────────────────────────────────────────

    def check_unused(self) -> None:
        for name, block in self.module.variables.items():
            if ("var", name) not in self.used:
                self.report(block.at, f'variable "{name}" is not used')
        for name, at in self.module.locals.items():
            if ("local", name) not in self.used:
                self.report(at, f'local value "{name}" is not used')
        for key, block in self.module.objects.items():
            if key[0] == "data" and key not in self.used:
                self.report(block.at, f'"{written(key)}" is read, but not used')

    def check_values(self, file: Path) -> None:
        set_here = set()
        for attribute in self.settings(file):
            set_here.add(attribute.name)
            if attribute.name not in self.module.variables:
                self.report(attribute.at, no_such("variable", attribute.name, list(self.module.variables)))
        shown = At(str(file.relative_to(self.root)), 1, 1)
        for name in required(self.module):
            if name not in set_here:
                self.report(shown, f'variable "{name}" has no default and is not set')

    def settings(self, file: Path) -> list[hcl.Attribute]:
        try:
            return hcl.parse(file, str(file.relative_to(self.root))).attributes
        except hcl.SyntaxFault as fault:
            self.report(fault.at, str(fault))
            return []


def required(module: Module) -> list[str]:
    return [name for name, block in module.variables.items() if not block.has("default")]


def written(key: tuple[str, ...]) -> str:
    return ".".join(key[1:] if key[0] == "resource" else key)
