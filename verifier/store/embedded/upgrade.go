package embedded

import (
	"context"
	"database/sql"
)

// Each upgrade leads from its version to this one at once: a million sessions are copied once, not once a version.
var upgrades = map[int]string{1: fromVersion1, 2: fromVersion2}

// fromVersion1 adds what version 1 did not know. Its sessions were signed in without a way to ask the provider again, so they
// are bypassed (A6); all of them have a session timeout. Its secrets were ID tokens that were not sealed. They only spare the
// user a question of the provider at sign-out, so they are dropped.
const fromVersion1 = `
ALTER TABLE sessions RENAME TO old_sessions;` + sessionsTable + `
INSERT INTO sessions SELECT *, began / 1000 * 1000, 0, TRUE, FALSE, 0, 0, '' FROM old_sessions ORDER BY row;
DROP TABLE old_sessions;` + providerIndex + `
DROP TABLE secrets;` + secretsTable + marksTable

// fromVersion2 adds the kind of client (A9). The timeouts were enforced in all of version 2's, as they are in a browser.
const fromVersion2 = `
ALTER TABLE sessions RENAME TO old_sessions;` + sessionsTable + `
INSERT INTO sessions SELECT *, '' FROM old_sessions ORDER BY row;
DROP TABLE old_sessions;` + providerIndex

// upgrade brings a file of an older version to this one. It happens as a whole or not at all, whatever kills the process.
func upgrade(ctx context.Context, conn *sql.Conn, version int) error {
	_, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE;"+upgrades[version]+"; UPDATE schema_version SET version = ?; COMMIT", kind.Version)
	if err != nil {
		conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") // fails when SQLite has rolled back by itself, as it does for a full disk
	}
	return err
}
