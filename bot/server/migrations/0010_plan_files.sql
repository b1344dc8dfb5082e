-- The file of a plan goes when its pull request is closed: 1 from then on. A plan made later, for
-- the same pull request, has a file of its own.
ALTER TABLE runs ADD COLUMN plan_dropped BIGINT NOT NULL DEFAULT 0;
-- Whose logs are old enough to go.
CREATE INDEX runs_with_log ON runs (ended_at) WHERE log_bytes > 0;
