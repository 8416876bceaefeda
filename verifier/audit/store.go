package audit

import (
	"context"

	"github.com/curfew-project/curfew/shared/wire"
)

// Store keeps the audit (C5). All methods are safe for concurrent use. A method whose ctx has ended changes nothing.
type Store interface {
	// Append adds events to the end of the chain in their order, all or none: when it returns they survive kill -9 (P7). It refuses
	// what CheckAll refuses. What Link.Next cuts is cut. No events are no error.
	Append(ctx context.Context, events []Event) error

	// Search lists entries that fit every field of the query, the newest first unless the query says otherwise. It refuses what
	// Query.Validate refuses. It does not verify: Verify does.
	Search(ctx context.Context, q Query) ([]Entry, error)

	// Walk visits every entry from the oldest to the newest. begin is told where the chain begins, which is the place before the oldest
	// entry, and where it ends, as the store has noted it apart from the entries and sealed with the verifier's key: a chain whose end
	// was cut off does not get there. An error of begin or visit ends the walk and is passed on. Entries that are appended meanwhile
	// are not visited. When what the store has noted was tampered with, Walk says so with a *Broken, after all entries were visited:
	// whoever exports gets them nevertheless. A break that the store met while it wrote stays known until Trim has dropped the place.
	Walk(ctx context.Context, begin func(first, last Link) error, visit func(Entry) error) error

	// Ends counts the endings since an instant by reason, in one environment or, with an empty one, in all.
	Ends(ctx context.Context, environment string, since int64) (map[wire.Reason]int, error)

	// Trim drops the entries before an instant and appends an entry of kind Trimmed that names the last of them, all or nothing: what
	// is left begins at a place that its own chain vouches for. An entry is kept when an older one in the chain is, whatever its
	// instant. It says how many were dropped; with none it appends nothing. It does not verify what it drops: Verify before.
	Trim(ctx context.Context, before, now int64, actor string) (int, error)
}
