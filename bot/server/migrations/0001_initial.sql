-- The first shape of the store.
--
-- Conventions, so that the same tables do for PostgreSQL:
--   * a moment is a BIGINT of milliseconds since 1970-01-01T00:00:00Z;
--   * a truth value is a BIGINT, 0 or 1;
--   * JSON is TEXT, written and read by serde with the types of slipway-core;
--   * a repository is its `owner/name`;
--   * `seq` is the order of creation; only the way it counts up is SQLite's own.
-- What a lease means is told in the module `adapters::store`.

-- Everything that happened and was promised to be worked off: webhook deliveries, and the ends of
-- runs, which the bot tells itself by the same way.
CREATE TABLE inbox (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT   NOT NULL UNIQUE,
    repo        TEXT   NOT NULL,
    event       TEXT   NOT NULL,
    state       TEXT   NOT NULL CHECK (state IN ('stored', 'done', 'abandoned')),
    -- How often it was taken: it also tells one lease of a delivery from the next.
    attempts    BIGINT NOT NULL DEFAULT 0,
    received_at BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    done_at     BIGINT,
    lease_owner TEXT,
    lease_until BIGINT,
    -- Why nothing (or what) was done about it; or the last error.
    note        TEXT
);
CREATE INDEX inbox_waiting ON inbox (seq) WHERE state = 'stored';
CREATE INDEX inbox_taken ON inbox (repo, lease_until) WHERE state = 'stored';

-- Every piece of work there ever was. `work_order` is the whole of what was decided; the columns
-- before it repeat what is asked for in queries.
CREATE TABLE runs (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT   NOT NULL UNIQUE,
    repo         TEXT   NOT NULL,
    env          TEXT   NOT NULL,
    -- A rollback is a deploy here: the two must never be under way side by side.
    kind         TEXT   NOT NULL CHECK (kind IN ('plan', 'apply', 'deploy')),
    -- The name of the stack or service.
    subject      TEXT   NOT NULL,
    pr           BIGINT,
    commit_sha   TEXT   NOT NULL,
    cause        TEXT   NOT NULL,
    actor        TEXT   NOT NULL,
    not_before   BIGINT,
    work_order   TEXT   NOT NULL,
    state        TEXT   NOT NULL CHECK (state IN (
        'unconfirmed', 'queued', 'running', 'succeeded', 'failed',
        'refused', 'cancelled', 'superseded', 'skipped', 'interrupted')),
    outcome      TEXT,
    created_at   BIGINT NOT NULL,
    started_at   BIGINT,
    ended_at     BIGINT,
    lease_owner  TEXT,
    lease_until  BIGINT,
    -- What a run under way was asked to become; its worker ends it.
    stop_move    TEXT,
    stop_outcome TEXT,
    -- How much of its log was kept, in bytes, and whether the log was closed for being too long.
    log_bytes    BIGINT NOT NULL DEFAULT 0,
    log_full     BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX runs_of_pr ON runs (repo, pr);
CREATE INDEX runs_of_cause ON runs (repo, cause);
CREATE INDEX runs_queued ON runs (seq) WHERE state = 'queued';
CREATE INDEX runs_in_line ON runs (repo, env, seq) WHERE state = 'queued';
CREATE INDEX runs_running ON runs (seq) WHERE state = 'running';
CREATE INDEX runs_active ON runs (repo, seq) WHERE state IN ('unconfirmed', 'queued', 'running');
-- Two applies of a stack, or two deploys of a service, are never under way in one environment. The
-- code that takes runs sees to it; this is the second bolt on that door.
CREATE UNIQUE INDEX runs_exclusive ON runs (repo, env, kind, subject)
    WHERE state = 'running' AND kind <> 'plan';

-- Which runs must succeed before another may start. `place` keeps the order in which it names them.
CREATE TABLE run_after (
    run   TEXT   NOT NULL REFERENCES runs (id) DEFERRABLE INITIALLY DEFERRED,
    needs TEXT   NOT NULL REFERENCES runs (id) DEFERRABLE INITIALLY DEFERRED,
    place BIGINT NOT NULL,
    PRIMARY KEY (run, needs)
);

-- What a run did so far: a step is claimed before it is tried and has a result once it is over.
CREATE TABLE steps (
    run        TEXT   NOT NULL REFERENCES runs (id),
    name       TEXT   NOT NULL,
    seq        BIGINT NOT NULL,
    claimed_at BIGINT NOT NULL,
    done_at    BIGINT,
    result     TEXT,
    PRIMARY KEY (run, name)
);

-- The log of a run, in pieces of whole lines.
CREATE TABLE run_log (
    run  TEXT   NOT NULL REFERENCES runs (id),
    seq  BIGINT NOT NULL,
    text TEXT   NOT NULL,
    PRIMARY KEY (run, seq)
);

-- Claims on an environment, or on one stack in it. A stack has no empty name, so an empty `stack`
-- is the whole environment (NULL could not be part of the key).
CREATE TABLE locks (
    repo     TEXT   NOT NULL,
    env      TEXT   NOT NULL,
    stack    TEXT   NOT NULL,
    holder   TEXT   NOT NULL,
    pr       BIGINT,
    reason   TEXT,
    since    BIGINT NOT NULL,
    until_at BIGINT,
    PRIMARY KEY (repo, env, stack)
);

-- Environments without automatic deploys until somebody resumes them.
CREATE TABLE holds (
    repo   TEXT   NOT NULL,
    env    TEXT   NOT NULL,
    set_by TEXT,                     -- nobody: the bot did by itself
    reason TEXT   NOT NULL,
    since  BIGINT NOT NULL,
    PRIMARY KEY (repo, env)
);

-- What was made live. The newest row of a service in an environment is what is live there.
CREATE TABLE releases (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    run        TEXT   NOT NULL UNIQUE REFERENCES runs (id),
    repo       TEXT   NOT NULL,
    env        TEXT   NOT NULL,
    service    TEXT   NOT NULL,
    commit_sha TEXT   NOT NULL,
    digest     TEXT   NOT NULL,
    pr         BIGINT,
    actor      TEXT   NOT NULL,
    live_at    BIGINT NOT NULL,
    -- 0 once it was rolled back from.
    good       BIGINT NOT NULL
);
CREATE INDEX releases_of_service ON releases (repo, env, service, seq);

-- Head commits whose plans may run although their author may not plan.
CREATE TABLE blessed (
    repo       TEXT NOT NULL,
    commit_sha TEXT NOT NULL,
    PRIMARY KEY (repo, commit_sha)
);

-- What GitHub is to show, and how far it does: a report is due while `sent_version < version`.
CREATE TABLE reports (
    repo          TEXT   NOT NULL,
    report_key    TEXT   NOT NULL,
    -- The installation whose tokens reach the repository; it changes when the App is installed anew.
    installation  BIGINT NOT NULL,
    -- What is said once; NULL for a projection, which is made from the store when it is written.
    content       TEXT,
    version       BIGINT NOT NULL,
    sent_version  BIGINT NOT NULL DEFAULT 0,
    remote_id     BIGINT,
    maybe_created BIGINT NOT NULL DEFAULT 0,
    sent_hash     TEXT,
    sent_count    BIGINT NOT NULL DEFAULT 0,
    -- Not to be written before this moment.
    due_at        BIGINT NOT NULL,
    attempts      BIGINT NOT NULL DEFAULT 0,
    last_error    TEXT,
    lease_owner   TEXT,
    lease_until   BIGINT,
    PRIMARY KEY (repo, report_key)
);
CREATE INDEX reports_due ON reports (due_at) WHERE sent_version < version;

-- Small things that the bot remembers for itself.
CREATE TABLE notes (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
