-- An expanding step: shops of the version before don't name the column and go on working. Many orders
-- may have no key, since a unique index takes any number of NULLs, in PostgreSQL as in SQLite.
ALTER TABLE orders ADD COLUMN idempotency_key TEXT;

CREATE UNIQUE INDEX orders_once_per_key ON orders (idempotency_key);
