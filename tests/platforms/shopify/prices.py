"""What a request costs.

Shopify publishes that an object costs one point, a scalar none and a mutation ten, but not how a connection grows with
the size of its page. The one published figure, `variants(first: 250)` with two objects in each, costs 24 points, so
twelve times its content: `250 ** 0.45`. https://shopify.dev/docs/apps/build/apis/graphql-admin/rate-limits
"""

import math
from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
)

EXPONENT = 0.45
MUTATION = 10


def price(schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> int:
    """What is charged before it is known what the answer holds."""
    pricing = _Pricing(schema, document, variables)
    total = 0.0
    for each in document.definitions:
        if isinstance(each, OperationDefinitionNode):
            is_mutation = each.operation is OperationType.MUTATION
            root = schema.mutation_type if is_mutation else schema.query_type
            assert root
            total += pricing.of(each.selection_set, root) + (MUTATION if is_mutation else 0)
    return math.ceil(total)


def paid(data: Any) -> int:
    """What an answer is charged for: one point for each object in it."""
    if isinstance(data, list):
        return sum(paid(each) for each in data)
    if isinstance(data, dict):
        return 1 + sum(paid(each) for each in data.values())
    return 0


class _Pricing:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self.schema = schema
        self.variables = variables
        self.fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }

    def of(self, selections: SelectionSetNode, kind: GraphQLNamedType) -> float:
        """Of what is selected; of fragments on other types only the dearest."""
        total, dearest = 0.0, 0.0
        for each in selections.selections:
            if isinstance(each, FieldNode):
                total += self.field(each, kind)
                continue
            fragment = self.fragments[each.name.value] if isinstance(each, FragmentSpreadNode) else each
            assert isinstance(fragment, FragmentDefinitionNode | InlineFragmentNode)
            condition = fragment.type_condition.name.value if fragment.type_condition else kind.name
            cost = self.of(fragment.selection_set, self.schema.type_map[condition])
            if condition == kind.name:
                total += cost
            else:
                dearest = max(dearest, cost)
        return total + dearest

    def field(self, node: FieldNode, kind: GraphQLNamedType) -> float:
        if node.name.value == "__typename":
            return 0
        assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
        found: GraphQLNamedType = get_named_type(kind.fields[node.name.value].type)
        if is_leaf_type(found) or found.name == "PageInfo" or not node.selection_set:
            return 0
        inner = self.of(node.selection_set, found)
        if found.name.endswith("Connection"):
            return float(math.ceil(inner * self.size(node, "first", "last") ** EXPONENT))
        if found.name.endswith("Edge"):
            return inner
        return (1 + inner) * self.size(node, "ids")

    def size(self, node: FieldNode, *names: str) -> float:
        """How much an argument asks for."""
        for argument in node.arguments or ():
            if argument.name.value in names:
                value = argument.value
                if isinstance(value, VariableNode):
                    given = self.variables.get(value.name.value)
                    return float(len(given) if isinstance(given, list) else given or 1)
                if isinstance(value, ListValueNode):
                    return len(value.values)
                if isinstance(value, IntValueNode):
                    return float(value.value)
        return 1
