"""Terraform's language as a tree: blocks, their attributes, and what an expression refers to and calls.

The parsing is tree-sitter's. This only turns its syntax tree into what the checks look at, and knows nothing of AWS.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import tree_sitter
import tree_sitter_hcl

LANGUAGE = tree_sitter.Language(tree_sitter_hcl.language())
STEPS = ("get_attr", "index", "splat")


@dataclass(frozen=True, order=True)
class At:
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass
class Attribute:
    name: str
    value: tree_sitter.Node
    at: At


@dataclass
class Block:
    kind: str
    labels: list[str]
    at: At
    label_at: list[At] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)

    def attribute(self, name: str) -> Attribute | None:
        return next((found for found in self.attributes if found.name == name), None)

    def has(self, name: str) -> bool:
        return self.attribute(name) is not None


@dataclass(frozen=True)
class Reference:
    """`root.step[…].step`: a step is the name after a dot, or "[]" for any index or splat."""

    root: str
    steps: tuple[str, ...]
    at: At

    def __str__(self) -> str:
        return ".".join([self.root, *self.steps]).replace(".[]", "[…]")


@dataclass(frozen=True)
class Call:
    """A function's call; `arguments` is nothing where `...` expands a list into them."""

    function: str
    arguments: int | None
    at: At


class SyntaxFault(Exception):
    """A file that does not parse."""

    def __init__(self, at: At):
        super().__init__("this is no valid HCL")
        self.at = at


def parse(file: Path, shown: str) -> Block:
    """The file as one block without a kind. Raises SyntaxFault, OSError or UnicodeDecodeError."""
    tree = tree_sitter.Parser(LANGUAGE).parse(file.read_text("utf-8").encode())
    if tree.root_node.has_error:
        raise SyntaxFault(place(first_fault(tree.root_node), shown))
    whole = Block("", [], At(shown, 1, 1))
    for child in tree.root_node.named_children:
        if child.type == "body":
            fill(whole, child, shown)
    return whole


def first_fault(node: tree_sitter.Node) -> tree_sitter.Node:
    for child in node.children:
        if child.is_error or child.is_missing or child.has_error:
            return child if child.is_error or child.is_missing else first_fault(child)
    return node


def place(node: tree_sitter.Node, shown: str) -> At:
    row, column = node.start_point
    return At(shown, row + 1, column + 1)


def text(node: tree_sitter.Node) -> str:
    return node.text.decode()


def fill(block: Block, body: tree_sitter.Node, shown: str) -> None:
    for child in body.named_children:
        if child.type == "attribute":
            name, value = (part for part in child.named_children if part.type != "comment")
            block.attributes.append(Attribute(text(name), value, place(name, shown)))
        elif child.type == "block":
            block.blocks.append(read_block(child, shown))


def read_block(node: tree_sitter.Node, shown: str) -> Block:
    first, *rest = node.named_children
    block = Block(text(first), [], place(first, shown))
    for part in rest:
        if part.type in ("string_lit", "identifier"):
            block.labels.append(text(part).strip('"'))
            block.label_at.append(place(part, shown))
        elif part.type == "body":
            fill(block, part, shown)
    return block


def literal(node: tree_sitter.Node) -> str | None:
    """The value of an expression that is one plain string; nothing for any other."""
    while node.type in ("expression", "literal_value") and node.named_child_count == 1:
        node = node.named_children[0]
    if node.type != "string_lit":
        return None
    return "".join(text(part) for part in node.named_children if part.type == "template_literal")


def uses(node: tree_sitter.Node, shown: str, scope: frozenset[str] = frozenset()) -> Iterator[Reference | Call]:
    """All that an expression refers to and calls, but for the names in scope (those of `for` and `dynamic`)."""
    if node.type == "object_elem":
        key, value = (part for part in node.named_children if part.type == "expression")
        # A bare word is a key, not a reference; `(word)` is one.
        if not (key.child_count and key.children[0].type == "variable_expr"):
            yield from uses(key, shown, scope)
        yield from uses(value, shown, scope)
        return
    if node.type in ("for_tuple_expr", "for_object_expr", "template_for"):
        yield from for_uses(node, shown, scope)
        return
    if node.type == "function_call":
        yield call(node, shown)
    for position, child in enumerate(node.children):
        if child.type == "variable_expr":
            reference = follow(node.children, position, shown)
            if reference.root not in scope:
                yield reference
        elif child.is_named:
            yield from uses(child, shown, scope)


def for_uses(node: tree_sitter.Node, shown: str, scope: frozenset[str]) -> Iterator[Reference | Call]:
    intro, *rest = (part for part in node.named_children if part.type not in ("tuple_start", "object_start"))
    names = {text(part) for part in intro.named_children if part.type == "identifier"}
    # The collection is named outside of the loop.
    for part in intro.named_children:
        yield from uses(part, shown, scope)
    for part in rest:
        yield from uses(part, shown, scope | names)


def call(node: tree_sitter.Node, shown: str) -> Call:
    name, *rest = node.named_children
    arguments: int | None = 0
    for part in rest:
        if part.type == "function_arguments":
            arguments = sum(1 for argument in part.named_children if argument.type == "expression")
            if any(argument.type == "ellipsis" for argument in part.children):
                arguments = None
    return Call(text(name), arguments, place(name, shown))


def follow(siblings: list[tree_sitter.Node], position: int, shown: str) -> Reference:
    root = siblings[position]
    steps: list[str] = []
    for sibling in siblings[position + 1 :]:
        if sibling.type not in STEPS:
            break
        steps += step(sibling)
    return Reference(text(root), tuple(steps), place(root, shown))


def step(node: tree_sitter.Node) -> list[str]:
    if node.type == "get_attr":
        return [text(node.named_children[0])]
    if node.type == "index":
        return ["[]"]
    # `[*].name`, `.*.name`: what follows the splat is inside of it.
    inner = [part for splat in node.named_children for part in splat.named_children]
    return ["[]", *(name for part in inner if part.type in STEPS for name in step(part))]
