"""How the query of a bulk operation is checked and run.

Compiled once and then applied to each object, which is much faster than a general execution: a shop may have hundreds
of thousands of rows.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    parse,
    validate,
)
from graphql.execution.values import get_argument_values

from tests.platforms.shopify.resolvers import CONNECTIONS, FIELDS
from tests.platforms.shopify.shops import SimulatedShop

MOST_CONNECTIONS = 5
MOST_DEPTH = 2
SCOPES = {
    "InventoryItem": "read_inventory",
    "InventoryLevel": "read_inventory",
    "Location": "read_locations",
    "Product": "read_products",
    "ProductVariant": "read_products",
}
"""What it takes to see objects of a type."""


class BulkQueryError(ValueError):
    """Shopify does not run such a query in bulk."""


@dataclass
class Plan:
    """What to read of an object."""

    values: list[tuple[str, Callable[..., Any], Mapping[str, Any], "Plan | None", bool]] = field(default_factory=list)
    """Name in the row, resolver, arguments, what to read of it, whether it is a list."""
    lists: "list[tuple[Callable[..., Any], Mapping[str, Any], Plan]]" = field(default_factory=list)
    """Connections: their rows stand alone."""
    scopes: set[str] = field(default_factory=set)

    def rows(self, shop: SimulatedShop, source: Any = None, parent_id: str | None = None) -> Iterator[dict[str, Any]]:
        """Those of all connections of an object."""
        for resolver, arguments, plan in self.lists:
            for each in resolver(shop, source, arguments):
                try:
                    row, inner = plan.read(shop, each)
                except KeyError:
                    continue  # deleted meanwhile
                if parent_id is not None:
                    row["__parentId"] = parent_id
                yield row
                for owner, owned in inner:
                    yield from owned.rows(shop, owner, row["id"])

    def read(self, shop: SimulatedShop, source: Any) -> tuple[dict[str, Any], "list[tuple[Any, Plan]]"]:
        """A row, and which objects in it have connections."""
        row: dict[str, Any] = {}
        inner: list[tuple[Any, Plan]] = [(source, self)] if self.lists else []
        for name, resolver, arguments, plan, is_list in self.values:
            value = resolver(shop, source, arguments)
            if plan is None or value is None:
                row[name] = value
            elif is_list:
                row[name] = [plan.read(shop, each)[0] for each in value]
            else:
                row[name], deeper = plan.read(shop, value)
                inner += deeper
        return row, inner


def plan_of(schema: GraphQLSchema, query: str) -> Plan:
    """Check a query that is to be run in bulk, and compile it.

    Raises:
        BulkQueryError: Shopify would refuse it.
    """
    try:
        document = parse(query)
    except GraphQLError as error:
        raise BulkQueryError(f"Invalid bulk query: {error.message}") from error
    mistakes = validate(schema, document)
    if mistakes:
        raise BulkQueryError(f"Invalid bulk query: {mistakes[0].message}")
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    if len(operations) != 1 or operations[0].operation is not OperationType.QUERY:
        raise BulkQueryError("Bulk queries must be a single query operation.")
    compiler = _Compiler(schema, document)
    assert schema.query_type
    plan = compiler.compiled(schema.query_type, [operations[0].selection_set], 0)
    if not compiler.connections:
        raise BulkQueryError("Bulk queries must contain at least one connection.")
    if compiler.connections > MOST_CONNECTIONS:
        raise BulkQueryError(f"Bulk queries cannot contain more than {MOST_CONNECTIONS} connections.")
    plan.scopes = compiler.scopes
    return plan


class _Compiler:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self.schema = schema
        self.fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self.connections = 0
        self.scopes: set[str] = set()

    def compiled(self, kind: GraphQLObjectType, selections: list[SelectionSetNode], depth: int) -> Plan:
        plan = Plan()
        if kind.name in SCOPES:
            self.scopes.add(SCOPES[kind.name])
        for name, nodes in self.fields(kind, selections).items():
            word = nodes[0].name.value
            if depth == 0 and kind is self.schema.query_type and word in {"node", "nodes"}:
                raise BulkQueryError(f"Bulk queries cannot contain a top level `{word}` field.")
            if word == "__typename":
                plan.values.append((name, lambda *_, kind=kind: kind.name, {}, None, False))
                continue
            definition = kind.fields[word]
            arguments = get_argument_values(definition, nodes[0])
            inner = [each.selection_set for each in nodes if each.selection_set]
            if word in CONNECTIONS.get(kind.name, {}):
                deeper = self.connection(definition.type, inner, depth + 1)
                plan.lists.append((CONNECTIONS[kind.name][word], arguments, deeper))
            else:
                named = get_named_type(definition.type)
                below = None if is_leaf_type(named) else self.compiled(self.object_type(named), inner, depth)
                resolver = FIELDS.get(kind.name, {}).get(word) or _part(word)
                plan.values.append((name, resolver, arguments, below, _is_list(definition.type)))
        return plan

    def connection(self, kind: GraphQLOutputType, selections: list[SelectionSetNode], depth: int) -> Plan:
        self.connections += 1
        if depth > MOST_DEPTH:
            raise BulkQueryError(f"Bulk queries cannot contain connections with a nesting depth over {MOST_DEPTH}.")
        edges = self.step(get_named_type(kind), selections, "edges")
        nodes = self.step(*edges, "node")
        fields = self.fields(*nodes)
        before = self.connections
        plan = self.compiled(*nodes, depth)
        if self.connections > before and fields.get("id", [None])[0] is None:
            raise BulkQueryError("The parent 'node' field for a nested connection must select the 'id' field.")
        return plan

    def step(self, kind: Any, selections: list[SelectionSetNode], word: str) -> tuple[Any, list[SelectionSetNode]]:
        found = self.fields(kind, selections).get(word)
        if not found:
            raise BulkQueryError("Connection fields in a bulk query must select their contents using 'edges' > 'node'.")
        return get_named_type(kind.fields[word].type), [each.selection_set for each in found if each.selection_set]

    def fields(self, kind: GraphQLObjectType, selections: list[SelectionSetNode]) -> dict[str, list[FieldNode]]:
        """The fields that are selected, those of one name together, through all fragments."""
        found: dict[str, list[FieldNode]] = {}
        pending = [each for part in selections for each in part.selections]
        while pending:
            node = pending.pop(0)
            if isinstance(node, FieldNode):
                found.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
                continue
            fragment = self.fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            assert isinstance(fragment, FragmentDefinitionNode | InlineFragmentNode)
            condition = fragment.type_condition
            if condition is None or condition.name.value in {kind.name, *(each.name for each in kind.interfaces)}:
                pending = [*fragment.selection_set.selections, *pending]
        return found

    def object_type(self, kind: Any) -> GraphQLObjectType:
        if isinstance(kind, GraphQLObjectType):
            return kind
        return self.schema.get_implementations(kind).objects[0]


def _part(word: str) -> Callable[..., Any]:
    return lambda _, source, __: source.get(word)


def _is_list(kind: Any) -> bool:
    return is_list_type(kind.of_type if is_non_null_type(kind) else kind)
