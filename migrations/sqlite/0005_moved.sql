-- The first event may have any number: of a record that is moved here, the beginning may have been removed.
DROP TRIGGER audit_events_follow;
CREATE TRIGGER audit_events_follow BEFORE INSERT ON audit_events
WHEN NEW.sequence <> (SELECT max(sequence) + 1 FROM audit_events)
BEGIN
    SELECT RAISE(ABORT, 'audit events are appended, one after the other');
END;
