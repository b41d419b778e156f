-- What an execution acts upon, so that two processes do not change the same at once. NULL for what only looks.
ALTER TABLE executions ADD COLUMN target TEXT;

CREATE INDEX executions_by_target ON executions (target) WHERE closed IS NULL AND target IS NOT NULL;
