//! The sandbox GitHub: REST, GraphQL, git over HTTP, signed webhooks.
