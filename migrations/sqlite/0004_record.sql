-- The record is found by proposal and execution, and its oldest rows may go: only up to where a later row says so, and with
-- them what nothing on record tells of any more.

ALTER TABLE audit_events ADD COLUMN proposal TEXT GENERATED ALWAYS AS (json_extract(event, '$.proposal')) VIRTUAL;
ALTER TABLE audit_events ADD COLUMN execution TEXT GENERATED ALWAYS AS (json_extract(event, '$.execution')) VIRTUAL;
ALTER TABLE audit_events ADD COLUMN through INTEGER GENERATED ALWAYS AS (
    CASE json_extract(event, '$.kind') WHEN 'record_pruned' THEN json_extract(event, '$.through') END
) VIRTUAL;

CREATE INDEX audit_events_by_proposal ON audit_events (proposal, sequence);
CREATE INDEX audit_events_by_execution ON audit_events (execution, sequence);
CREATE INDEX audit_events_that_prune ON audit_events (through) WHERE through IS NOT NULL;

DROP TRIGGER audit_events_stay;
CREATE TRIGGER audit_events_stay BEFORE DELETE ON audit_events
WHEN NOT EXISTS (SELECT 1 FROM audit_events WHERE through >= OLD.sequence AND sequence > OLD.sequence)
BEGIN
    SELECT RAISE(ABORT, 'audit events are never removed, but from the beginning on and where a later one says so');
END;

DROP TRIGGER executions_stay;
CREATE TRIGGER executions_stay BEFORE DELETE ON executions
WHEN EXISTS (SELECT 1 FROM audit_events WHERE proposal = OLD.proposal)
    OR EXISTS (SELECT 1 FROM proposals WHERE id = OLD.proposal AND state IN ('pending', 'approved', 'executing'))
BEGIN
    SELECT RAISE(ABORT, 'executions stay as long as they are on record');
END;

CREATE TRIGGER proposals_stay BEFORE DELETE ON proposals
WHEN OLD.state IN ('pending', 'approved', 'executing')
    OR EXISTS (SELECT 1 FROM audit_events WHERE proposal = OLD.id)
BEGIN
    SELECT RAISE(ABORT, 'proposals stay as long as they are on record, or not at their end');
END;
