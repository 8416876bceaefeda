package embedded

import (
	"context"
	"database/sql"
)

// fromVersion1 adds what version 1 did not know. Its sessions were signed in without a way to ask the provider again, so they
// are bypassed (A6); all of them have a session timeout. Its secrets were ID tokens that were not sealed. They only spare the
// user a question of the provider at sign-out, so they are dropped.
const fromVersion1 = `
ALTER TABLE sessions RENAME TO sessions_1;` + sessionsTable + `
INSERT INTO sessions SELECT *, began / 1000 * 1000, 0, TRUE, FALSE, 0, 0 FROM sessions_1 ORDER BY row;
DROP TABLE sessions_1;` + providerIndex + `
DROP TABLE secrets;` + secretsTable + marksTable + `
UPDATE schema_version SET version = 2;`

// upgrade brings a file of version 1 to version 2. It happens as a whole or not at all, whatever kills the process.
func upgrade(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE;"+fromVersion1+"COMMIT")
	if err != nil {
		conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") // fails when SQLite has rolled back by itself, as it does for a full disk
	}
	return err
}
