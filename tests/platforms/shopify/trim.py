"""Makes `schema.graphql`: of Shopify's whole schema, what our documents touch. Run as `python -m tests.platforms.shopify.trim FILE`.

The file is the Admin API's schema in the schema definition language; descriptions, deprecations and all else are left out.
"""

import sys
from collections import defaultdict
from pathlib import Path

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLEnumType,
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
    visit,
)
from graphql.type import specified_scalar_types

from integrations.platforms.shopify.documents import EVERY

SCHEMA = Path(__file__).with_name("schema.graphql")


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


def trimmed(schema: GraphQLSchema, documents: list[DocumentNode]) -> str:
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
    return "\n\n".join(shown[name] for name in sorted(shown)) + "\n"


def _shown(kind: GraphQLNamedType, used: dict[str, set[str]], pending: list[GraphQLNamedType]) -> str:
    if isinstance(kind, GraphQLScalarType):
        return f"scalar {kind.name}"
    if isinstance(kind, GraphQLEnumType):
        return f"enum {kind.name} {{\n" + "".join(f"  {name}\n" for name in kind.values) + "}"
    if isinstance(kind, GraphQLInputObjectType):
        pending += [get_named_type(each.type) for each in kind.fields.values()]
        return f"input {kind.name} {{\n" + "".join(f"  {name}: {each.type}\n" for name, each in kind.fields.items()) + "}"
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    names = used.get(kind.name, set()) - {"__typename"} or {"id"}
    lines = []
    for name, each in kind.fields.items():
        if name in names:
            pending.append(get_named_type(each.type))
            pending += [get_named_type(argument.type) for argument in each.args.values()]
            arguments = ", ".join(f"{word}: {argument.type}{_default(argument)}" for word, argument in each.args.items())
            lines.append(f"  {name}{f'({arguments})' if arguments else ''}: {each.type}\n")
    word = "interface" if isinstance(kind, GraphQLInterfaceType) else "type"
    node = " implements Node" if word == "type" and any(each.name == "Node" for each in kind.interfaces) and "id" in names else ""
    return f"{word} {kind.name}{node} {{\n{''.join(lines)}}}"


def _default(argument: object) -> str:
    node = getattr(argument, "ast_node", None)
    return f" = {node.default_value.value}" if node and hasattr(node.default_value, "value") and isinstance(node.default_value.value, str | int) and type(node.default_value).__name__ != "StringValueNode" else ""


if __name__ == "__main__":
    whole = build_schema(Path(sys.argv[1]).read_text("utf-8"), assume_valid=True)
    SCHEMA.write_text(trimmed(whole, [parse(each) for each in EVERY.values()]), "utf-8")
