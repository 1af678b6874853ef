"""What is asked of the Admin API: every document, so that each can be checked against the schema."""

RUN_BULK = """
mutation RunBulk($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: false) {
    bulkOperation { id status }
    userErrors { code field message }
  }
}
"""

BULK_STATUS = """
query BulkStatus($id: ID!) {
  bulkOperation(id: $id) { id status errorCode objectCount url partialDataUrl }
}
"""

CATALOG = """
{
  products {
    edges {
      node {
        id
        title
        status
        onlineStoreUrl
        tags
        featuredMedia { preview { image { url } } }
        variants {
          edges {
            node {
              id
              title
              price
              inventoryPolicy
              inventoryQuantity
              image { url }
              inventoryItem { id tracked }
            }
          }
        }
      }
    }
  }
}
"""
"""Run in bulk, so it has no page sizes. Two levels of lists, the most that bulk takes."""

INVENTORY = """
query Inventory($ids: [ID!]!, $locations: Int!) {
  nodes(ids: $ids) {
    ... on ProductVariant {
      id
      inventoryPolicy
      product { status publishedAt }
      inventoryItem {
        tracked
        inventoryLevels(first: $locations) {
          nodes { isActive updatedAt location { id } quantities(names: ["available"]) { name quantity } }
          pageInfo { hasNextPage }
        }
      }
    }
  }
}
"""

ITEMS = """
query Items($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on InventoryItem { id variants(first: 10) { nodes { id } } }
  }
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

SHOP = """
query Shop {
  shop { name currencyCode myshopifyDomain primaryDomain { url } }
  currentAppInstallation { id accessScopes { handle } }
  locations(first: 200) { nodes { id name isActive fulfillsOnlineOrders } }
}
"""

EVERY = {name: text for name, text in vars().items() if name.isupper() and isinstance(text, str)}
