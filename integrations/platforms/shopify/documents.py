"""What is asked of the Admin API: every document, so that each can be checked against the schema."""

_VARIANT = """
fragment VariantFacts on ProductVariant {
  id
  title
  price
  inventoryPolicy
  image { url }
  inventoryItem { id tracked }
}
"""

_PRODUCT = """
fragment ProductFacts on Product {
  id
  title
  status
  onlineStoreUrl
  tags
  featuredMedia { preview { image { url } } }
}
"""

_STOCK = """
fragment ItemStock on InventoryItem {
  id
  tracked
  inventoryLevels(first: $levels) {
    nodes { ...LevelStock }
    pageInfo { hasNextPage endCursor }
  }
}
"""

_LEVEL = """
fragment LevelStock on InventoryLevel {
  id
  isActive
  location { id isActive fulfillsOnlineOrders }
  quantities(names: ["available"]) { name quantity }
}
"""

_SALE = """
fragment VariantSale on ProductVariant {
  id
  inventoryPolicy
  product { id status onlineStoreUrl }
}
"""

RUN_BULK = """
mutation RunBulk($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: false) {
    bulkOperation { id status }
    userErrors { code field message }
  }
}
"""

BULK_OPERATIONS = """
query BulkOperations {
  bulkOperations(first: 20, query: "operation_type:query", sortKey: CREATED_AT, reverse: true) {
    nodes { id status query createdAt completedAt errorCode objectCount url partialDataUrl }
  }
}
"""

CATALOG = (
    """
{
  productVariants {
    edges {
      node {
        ...VariantFacts
        product { ...ProductFacts }
        inventoryItem { inventoryLevels { edges { node { ...LevelStock } } } }
      }
    }
  }
}
"""
    + _VARIANT
    + _PRODUCT
    + _LEVEL
)
"""Run in bulk, so it has no page sizes; with the stock, as one list within another is allowed."""

PRODUCT = (
    """
query Product($id: ID!, $after: String) {
  product(id: $id) {
    ...ProductFacts
    variants(first: 100, after: $after) {
      nodes { ...VariantFacts }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
    + _VARIANT
    + _PRODUCT
)

STOCK_OF_VARIANTS = (
    """
query StockOfVariants($ids: [ID!]!, $levels: Int!) {
  nodes(ids: $ids) {
    ... on ProductVariant { ...VariantSale inventoryItem { ...ItemStock } }
  }
}
"""
    + _SALE
    + _STOCK
    + _LEVEL
)

STOCK_OF_ITEMS = (
    """
query StockOfItems($ids: [ID!]!, $levels: Int!) {
  nodes(ids: $ids) {
    ... on InventoryItem { ...ItemStock variants(first: 10) { nodes { ...VariantSale } } }
  }
}
"""
    + _SALE
    + _STOCK
    + _LEVEL
)

MORE_LEVELS = (
    """
query MoreLevels($item: ID!, $after: String!) {
  inventoryItem(id: $item) {
    inventoryLevels(first: 100, after: $after) {
      nodes { ...LevelStock }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
    + _LEVEL
)

SHOP = """
query Shop {
  shop { name currencyCode myshopifyDomain primaryDomain { url } }
  currentAppInstallation { id accessScopes { handle } }
}
"""

LOCATIONS = """
query Locations($after: String) {
  locations(first: 100, after: $after) {
    nodes { id name isActive fulfillsOnlineOrders }
    pageInfo { hasNextPage endCursor }
  }
}
"""

SET_METAFIELDS = """
mutation SetMetafields($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) { metafields { id } userErrors { code field message } }
}
"""

WEBHOOKS = """
query Webhooks($after: String) {
  webhookSubscriptions(first: 100, after: $after) {
    nodes { id topic uri }
    pageInfo { hasNextPage endCursor }
  }
}
"""

CREATE_WEBHOOK = """
mutation CreateWebhook($topic: WebhookSubscriptionTopic!, $webhook: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $webhook) {
    webhookSubscription { id }
    userErrors { field message }
  }
}
"""

DELETE_WEBHOOK = """
mutation DeleteWebhook($id: ID!) {
  webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId userErrors { field message } }
}
"""

EVERY = {name: text for name, text in vars().items() if name.isupper() and name[0] != "_" and isinstance(text, str)}
