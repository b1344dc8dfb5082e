-- What people said over policies: who let which plan be applied although it is denied, when and why.
-- Rows are never changed or deleted.
CREATE TABLE overrides (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    repo       TEXT   NOT NULL,
    pr         BIGINT NOT NULL,
    env        TEXT   NOT NULL,
    stack      TEXT   NOT NULL,
    -- The head of the pull request that it was said about.
    commit_sha TEXT   NOT NULL,
    -- SHA-256 of all that was denied then.
    digest     TEXT   NOT NULL,
    actor      TEXT   NOT NULL,
    reason     TEXT   NOT NULL,
    said_at    BIGINT NOT NULL
);
CREATE INDEX overrides_of_pr ON overrides (repo, pr, seq);
