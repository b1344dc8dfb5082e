-- When environments are looked at for drift next. A turn is moved on in the same transaction that
-- puts its event into the inbox: of several processes one takes it, and whatever was missed while
-- none was there is taken once.
CREATE TABLE drift_turns (
    repo         TEXT   NOT NULL,
    env          TEXT   NOT NULL,
    installation BIGINT NOT NULL,
    -- As deploy.toml writes it.
    schedule     TEXT   NOT NULL,
    due_at       BIGINT NOT NULL,
    PRIMARY KEY (repo, env)
);
CREATE INDEX drift_turns_due ON drift_turns (due_at);
-- What was looked at and applied in an environment.
CREATE INDEX runs_in_env ON runs (repo, env, seq);
