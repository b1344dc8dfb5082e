"""The schema of the AWS provider: what its resources and data sources are called and what they take.

Terraform itself asks the provider for it. Where no provider can be had, this reads it out of the bindings that
CDK Terrain generates from the very same schema (PyPI `cdktn-provider-aws`): JavaScript of a strictly regular form,
read with regular expressions. A form that is not understood ends in an error, never in an empty schema.

Reading all of it takes a while, so the outcome is kept in an SQLite file.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import tarfile
import tempfile
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

# Fewer than this many resources and data sources together, and the bindings have changed their form.
LEAST_TYPES = 2000

CLASS = re.compile(r"^class (\w+) extends cdktn\.(\w+) \{$", re.MULTILINE)
FLAGS = re.compile(
    r"^ +// (?P<name>\w+) - computed: (?P<computed>true|false), optional: (?P<optional>true|false),"
    r" required: (?P<required>true|false)\n(?P<next>.*)$",
    re.MULTILINE,
)
NESTED = re.compile(r"= new (\w+?)(OutputReference|List|Map)\(this, \"\w+\"(?:, (?P<set>true|false))?")
GETTER = re.compile(r"return (?P<set>cdktn\.Fn\.tolist\()?this\.get(?P<type>\w+)Attribute\('(?P<name>\w+)'\)")
HCL_FUNCTION = re.compile(r"^function (\w+)ToHclTerraform\(struct\) \{$", re.MULTILINE)
HCL_ENTRY = re.compile(
    r"^ +(?P<name>\w+): \{\n +value: (?P<value>.*),\n +isBlock: (?P<block>true|false),\n"
    r" +type: \"(?P<form>\w+)\",\n +storageClassType: \"(?P<storage>\w*)\",$",
    re.MULTILINE,
)
# Types as Terraform writes them in JSON: what the bindings read an attribute with, and what they write it as.
READ_AS = {
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": ["list", "string"],
    "NumberList": ["list", "number"],
    "StringMap": ["map", "string"],
    "NumberMap": ["map", "number"],
    "BooleanMap": ["map", "bool"],
}
WRITTEN_AS = {
    "string": "string",
    "number": "number",
    "boolean": "bool",
    "stringList": ["list", "string"],
    "numberList": ["list", "number"],
    "stringMap": ["map", "string"],
    "numberMap": ["map", "number"],
    "booleanMap": ["map", "bool"],
}
BASES = {
    "TerraformResource": "resource",
    "TerraformDataSource": "data",
    "TerraformEphemeralResource": "ephemeral",
    "TerraformProvider": "provider",
}


@dataclass
class Item:
    """One argument, block or result of a schema block.

    `type` is nothing where the bindings don't tell it, and where `struct` names a block or object instead. Those
    come as a `collection`: "list", "set", "map", or "struct" for just one.
    """

    required: bool = False
    settable: bool = True
    computed: bool = False
    block: bool = False
    attribute: bool = True
    single: bool = False
    struct: str | None = None
    collection: str = "list"
    type: str | list[str] | None = None


@dataclass
class Schema:
    """A schema block: the items by name, and the blocks nested in it."""

    items: dict[str, Item]
    structs: dict[str, dict[str, Item]] = field(default_factory=dict)

    def nested(self, name: str) -> Schema | None:
        """The block behind an item; nothing where the item is a plain value."""
        struct = self.items[name].struct
        if struct is None or struct not in self.structs:
            return None
        return Schema(self.structs[struct], self.structs)


class Provider:
    """All schemas of the provider, by what they are for (`resource`, `data`, `ephemeral`, `provider`)."""

    def __init__(self, file: Path):
        self.database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        (self.version,) = self.database.execute("SELECT version FROM provider").fetchone()
        self.known: dict[tuple[str, str], Schema | None] = {}

    def schema(self, purpose: str, kind: str) -> Schema | None:
        """The schema of `resource "KIND"` and the like; nothing where the provider has none such."""
        key = (purpose, kind)
        if key not in self.known:
            row = self.database.execute(
                "SELECT root, structs FROM schema WHERE purpose = ? AND kind = ?", key
            ).fetchone()
            self.known[key] = row and unpack(*row)
        return self.known[key]

    def nearest(self, purpose: str, kind: str) -> str | None:
        """The existing name that is most like one that does not exist."""
        rows = self.database.execute("SELECT kind FROM schema WHERE purpose = ?", (purpose,))
        return nearest(kind, [row[0] for row in rows])


def nearest(name: str, among: list[str]) -> str | None:
    """The name among others that is most like this one, if any is like it at all."""
    return next(iter(get_close_matches(name, among, n=1, cutoff=0.6)), None)


def unpack(root: str, structs: str) -> Schema:
    blocks = {
        struct: {name: Item(*values) for name, values in items.items()} for struct, items in json.loads(structs).items()
    }
    return Schema(blocks[root], blocks)


def open_provider(bindings: Path, index: Path) -> Provider:
    """The provider as the bindings in this folder have it; `index` is made if it is not there yet."""
    if not index.exists():
        archives = list(bindings.glob("cdktn_provider_aws/_jsii/*.jsii.tgz"))
        if len(archives) != 1:
            raise ValueError(f"{bindings}: one archive of bindings expected, found {len(archives)}")
        write_index(archives[0], index)
    return Provider(index)


def write_index(archive: Path, index: Path) -> None:
    # Into a file of its own first: two runs at once don't meet, and a broken one leaves nothing behind.
    handle, fresh = tempfile.mkstemp(prefix=index.name, dir=index.parent)
    os.close(handle)
    try:
        database = sqlite3.connect(fresh)
        database.execute("CREATE TABLE schema (purpose, kind, root, structs, PRIMARY KEY (purpose, kind))")
        database.execute("CREATE TABLE provider (version)")
        versions = set()
        with tarfile.open(archive, "r|gz") as files:
            for member in files:
                if not re.fullmatch(r"package/lib/[^/]+/index\.js", member.name):
                    continue
                source = files.extractfile(member).read().decode()
                versions.update(re.findall(r"providerVersion: '([^']+)'", source))
                for row in read_module(source, member.name):
                    database.execute("INSERT INTO schema VALUES (?, ?, ?, ?)", row)
        (count,) = database.execute("SELECT count(*) FROM schema").fetchone()
        if len(versions) != 1 or count < LEAST_TYPES:
            raise ValueError(f"{archive}: {count} types of the provider versions {sorted(versions)}")
        database.execute("INSERT INTO provider VALUES (?)", tuple(versions))
        database.commit()
        database.close()
        os.replace(fresh, index)
    finally:
        Path(fresh).unlink(missing_ok=True)


def read_module(source: str, name: str) -> list[tuple[str, str, str, str]]:
    """The schemas of one module of the bindings, as rows of the index."""
    writable = hcl_structs(source)
    structs: dict[str, dict[str, Item]] = {}
    roots: list[tuple[str, str, str]] = []
    for start, end, (klass, base) in sections(CLASS, source):
        text = source[start:end]
        if base in BASES:
            kind = re.search(r'static tfResourceType = "(\w+)";', text)
            if not kind:
                raise ValueError(f"{name}: class {klass} has no tfResourceType")
            roots.append((BASES[base], kind[1], klass))
            structs[klass] = items(text, hcl_entries(text))
        elif base == "ComplexObject":
            struct = klass.removesuffix("OutputReference")
            structs[struct] = items(text, writable.get(lower_first(struct), {}))
    # The provider's own blocks have no class to read their flags from.
    for struct, entries in writable.items():
        structs.setdefault(upper_first(struct), {key: entry_item(entry) for key, entry in entries.items()})
    packed = json.dumps(
        {
            struct: {key: list(vars(item).values()) for key, item in entries.items()}
            for struct, entries in structs.items()
        }
    )
    return [(purpose, kind, root, packed) for purpose, kind, root in roots]


def sections(pattern: re.Pattern[str], source: str):
    """Where each match of a heading starts and its section ends, with the heading's groups."""
    found = list(pattern.finditer(source))
    ends = [*(match.start() for match in found[1:]), len(source)]
    for match, end in zip(found, ends):
        yield match.end(), end, match.groups()


def hcl_structs(source: str) -> dict[str, dict[str, re.Match[str]]]:
    found = {}
    for start, _, (struct,) in sections(HCL_FUNCTION, source):
        found[struct] = hcl_entries(source[start : source.index("\n}\n", start)])
    return found


def hcl_entries(text: str) -> dict[str, re.Match[str]]:
    return {entry["name"]: entry for entry in HCL_ENTRY.finditer(text)}


def items(text: str, entries: dict[str, re.Match[str]]) -> dict[str, Item]:
    """The items of a class: their flags from its comments, their form from what it writes as HCL."""
    found = {}
    types = {getter["name"]: getter_type(getter) for getter in GETTER.finditer(text)}
    for flags in FLAGS.finditer(text):
        entry = entries.get(flags["name"])
        item = entry_item(entry) if entry else Item()
        item.required = flags["required"] == "true"
        item.settable = item.required or flags["optional"] == "true"
        item.computed = flags["computed"] == "true" and not item.required
        item.type = types.get(flags["name"], item.type)
        nested = NESTED.search(flags["next"])
        if nested:
            item.struct = nested[1]
            item.single = nested[2] == "OutputReference"
            if nested["set"] == "true":
                item.collection = "set"
            elif nested[2] == "Map":
                item.collection = "map"
        found[flags["name"]] = item
    for key, entry in entries.items():
        found.setdefault(key, entry_item(entry))
    return found


def getter_type(getter: re.Match[str]) -> str | list[str] | None:
    type_ = READ_AS.get(getter["type"])
    # Sets are read as lists, and turned into them.
    return ["set", type_[1]] if getter["set"] and isinstance(type_, list) else type_


def entry_item(entry: re.Match[str]) -> Item:
    item = Item(type=WRITTEN_AS.get(entry["storage"]))
    if entry["block"] == "true":
        # A list that is "no block" here is one that may be written either way (Terraform's "attributes as blocks").
        item.block = True
        item.attribute = bool(re.match(r"cdktn\.listMapperHcl\(\w+ToHclTerraform, false\)", entry["value"]))
        item.struct = entry["storage"].removesuffix("List")
        item.collection = entry["form"]
    elif entry["form"] == "set" and isinstance(item.type, list):
        item.type = ["set", item.type[1]]
    return item


def lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
