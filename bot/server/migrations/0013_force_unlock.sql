-- Forcing a state lock open is an apply here, as far as runs exclude each other: the two must never
-- be under way side by side on one stack. But it uses up no plan, and no lock on a stack is in its way.
ALTER TABLE runs ADD COLUMN forces_unlock BIGINT NOT NULL DEFAULT 0;
