"""Makes `schema.graphql`: of Shopify's whole schema, what our documents touch.

Run as `python -m tests.platforms.shopify.trim FILE`, with the file of the Admin API's schema in the schema definition
language. Descriptions, deprecations and all else are left out.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_schema,
    get_named_type,
    parse,
    print_ast,
    visit,
)
from graphql.type import specified_scalar_types

from integrations.platforms.shopify.documents import EVERY

SCHEMA = Path(__file__).with_name("schema.graphql")
WIDTH = 120
NAMED = {"Node"}
"""Interfaces whose types the documents name; of any other one type is kept, so that there can be a value."""


class _Uses(Visitor):
    """Which fields of which types a document names."""

    def __init__(self, info: TypeInfo, used: dict[str, set[str]]) -> None:
        super().__init__()
        self.info = info
        self.used = used

    def enter_field(self, node: FieldNode, *_: object) -> None:
        parent = self.info.get_parent_type()
        assert parent is not None
        self.used[parent.name].add(node.name.value)


def trimmed(schema: GraphQLSchema, documents: Iterable[DocumentNode]) -> str:
    """The part of a schema that some documents touch, as text."""
    used: dict[str, set[str]] = defaultdict(set)
    for document in documents:
        info = TypeInfo(schema)
        visit(document, TypeInfoVisitor(info, _Uses(info, used)))
    shown: dict[str, str] = {}
    pending: list[GraphQLNamedType] = [schema.type_map[name] for name in used]
    while pending:
        kind = pending.pop()
        if kind.name not in shown and kind.name not in specified_scalar_types:
            shown[kind.name] = _shown(kind, used, pending)
        if isinstance(kind, GraphQLInterfaceType) and kind.name not in NAMED:
            kinds = schema.get_implementations(kind).objects
            pending.append(min(kinds, key=lambda each: (not each.name.endswith("Image"), each.name)))
    by_word = {"query": schema.query_type, "mutation": schema.mutation_type}
    roots = [f"{word}: {root.name}" for word, root in by_word.items() if root]
    return "\n\n".join([_block("schema", roots), *(shown[name] for name in sorted(shown))]) + "\n"


def _shown(kind: GraphQLNamedType, used: dict[str, set[str]], pending: list[GraphQLNamedType]) -> str:
    if isinstance(kind, GraphQLScalarType):
        return f"scalar {kind.name}"
    if isinstance(kind, GraphQLEnumType):
        return _block(f"enum {kind.name}", kind.values)
    if isinstance(kind, GraphQLInputObjectType):
        pending += [get_named_type(each.type) for each in kind.fields.values()]
        return _block(f"input {kind.name}", (_input(name, each) for name, each in kind.fields.items()))
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    interfaces = [each for each in kind.interfaces if each.name in used and each.name not in NAMED]
    names = set().union(used.get(kind.name, ()), *(used[each.name] for each in interfaces)) - {"__typename"} or {"id"}
    lines = []
    for name, each in kind.fields.items():
        if name in names:
            pending.append(get_named_type(each.type))
            pending += [get_named_type(argument.type) for argument in each.args.values()]
            lines.append(_field(name, [_input(word, argument) for word, argument in each.args.items()], each.type))
    is_object = isinstance(kind, GraphQLObjectType)
    kept = [each.name for each in interfaces]
    if is_object and "id" in names and any(each.name == "Node" for each in kind.interfaces):
        kept.append("Node")
    implements = f" implements {' & '.join(kept)}" if kept else ""
    return _block(f"{'type' if is_object else 'interface'} {kind.name}{implements}", lines)


def _block(head: str, lines: Iterable[str]) -> str:
    return f"{head} {{\n" + "".join(f"  {line}\n" for line in lines) + "}"


def _field(name: str, arguments: list[str], kind: object) -> str:
    line = f"{name}({', '.join(arguments)}): {kind}" if arguments else f"{name}: {kind}"
    if len(line) + 2 <= WIDTH:
        return line
    return f"{name}(\n" + "".join(f"    {argument}\n" for argument in arguments) + f"  ): {kind}"


def _input(name: str, given: GraphQLArgument | GraphQLInputField) -> str:
    node = given.ast_node
    default = f" = {print_ast(node.default_value)}" if node and node.default_value else ""
    return f"{name}: {given.type}{default}"


if __name__ == "__main__":
    whole = build_schema(Path(sys.argv[1]).read_text("utf-8"), assume_valid=True)
    SCHEMA.write_text(trimmed(whole, [parse(each) for each in EVERY.values()]), "utf-8")
