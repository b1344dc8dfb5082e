-- One set of migrations for PostgreSQL and SQLite: only what both understand. BIGINT is an integer in
-- both; times are milliseconds since 1970 UTC.
CREATE TABLE products (
    id          TEXT   NOT NULL PRIMARY KEY,
    name        TEXT   NOT NULL,
    description TEXT   NOT NULL,
    price_cents BIGINT NOT NULL CHECK (price_cents > 0),
    stock       BIGINT NOT NULL CHECK (stock >= 0)
);

CREATE TABLE orders (
    id        TEXT   NOT NULL PRIMARY KEY,
    placed_at BIGINT NOT NULL
);

CREATE INDEX orders_newest_first ON orders (placed_at DESC, id DESC);

CREATE TABLE order_lines (
    order_id    TEXT   NOT NULL REFERENCES orders (id),
    product_id  TEXT   NOT NULL REFERENCES products (id),
    quantity    BIGINT NOT NULL CHECK (quantity > 0),
    price_cents BIGINT NOT NULL CHECK (price_cents > 0),
    PRIMARY KEY (order_id, product_id)
);
