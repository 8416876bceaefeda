package settings

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/curfew-project/curfew/verifier/audit"
)

// Digest stands for all of a revision: its entry in the audit has it, so that a revision that was altered later does not fit (C5).
func (r Revision) Digest() string {
	text := make([]byte, 0, 512)
	text = append(text, "curfew revision 1"...)
	text = binary.BigEndian.AppendUint64(text, uint64(r.Version))
	text = binary.BigEndian.AppendUint64(text, uint64(r.At))
	for _, field := range []string{r.Environment, r.By, r.Document.canonical()} {
		text = binary.BigEndian.AppendUint64(text, uint64(len(field)))
		text = append(text, field...)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// canonical is the document as it is after it has been stored: an empty list and none are one there.
func (d Document) canonical() string {
	text, err := json.Marshal(d)
	var stored Document
	if err == nil {
		err = json.Unmarshal(text, &stored)
	}
	if err == nil {
		text, err = json.Marshal(stored)
	}
	if err != nil {
		return "unreadable: " + err.Error() // lengths, texts and booleans can always be written and read
	}
	return string(text)
}

// Verify goes through the whole chain of the audit and then through every revision there is: each must be the one that its entry was
// written for. Revisions that are older than the audit cannot be told. The error is an *audit.Broken, or a store's.
func Verify(ctx context.Context, s Store, log audit.Store, progress func(done, all int64)) (audit.Verified, error) {
	has := map[string]bool{}
	wrote := map[made]int64{}
	oldest := int64(0)
	found, err := audit.VerifyEach(ctx, log, progress, func(e audit.Entry) {
		if oldest == 0 {
			oldest = e.At
		}
		if e.Digest != "" {
			has[e.Digest] = true
			wrote[made{e.Environment, e.Actor, e.At}] = e.Seq
		}
	})
	if err != nil {
		return found, err
	}
	latest, err := s.Latest(ctx)
	if err != nil {
		return found, err
	}
	for _, last := range latest {
		const step = 200
		for before := last.Version + 1; before > 1; {
			revisions, err := s.History(ctx, last.Environment, before, step)
			if err != nil {
				return found, err
			}
			for _, r := range revisions {
				if before = r.Version; !has[r.Digest()] && (found.First.Seq == 0 || r.At >= oldest) {
					return found, altered(r, wrote[made{r.inAudit(), r.By, r.At}])
				}
			}
			if len(revisions) == 0 {
				return found, &audit.Broken{Seq: found.Last.Seq, Why: fmt.Sprintf("versions of environment %q below %d are missing", last.Environment, before)}
			}
		}
	}
	return found, nil
}

// Vouched reports, as an *audit.Broken, a revision that is not the one that its entry in the audit was written for. It looks for that
// entry only.
func Vouched(ctx context.Context, r Revision, log audit.Store) error {
	entries, err := log.Search(ctx, audit.Query{From: r.At, To: r.At + 1, Kinds: changes[:], Limit: audit.MaxLimit})
	if err != nil {
		return err
	}
	digest := r.Digest()
	for _, e := range entries {
		if e.Digest == digest {
			return nil
		}
	}
	oldest, err := log.Search(ctx, audit.Query{Ascending: true, Limit: 1})
	if err != nil {
		return err
	}
	if len(oldest) == 1 && oldest[0].Seq > 1 && r.At < oldest[0].At {
		return nil // its entry was dropped with the others of its time
	}
	for _, e := range entries {
		if e.Environment == r.inAudit() {
			return altered(r, e.Seq)
		}
	}
	return altered(r, 0)
}

// changes are the kinds of entries that a revision has.
var changes = [...]audit.Kind{audit.EnvironmentCreated, audit.EnvironmentRenamed, audit.EnvironmentRemoved, audit.SettingsChanged, audit.SwitchChanged, audit.ClientsChanged}

// made tells the entries of revisions apart.
type made struct {
	environment, by string
	at              int64
}

// inAudit is what the audit calls the environment: nothing for the deployment.
func (r Revision) inAudit() string {
	if r.Environment == Deployment {
		return ""
	}
	return r.Environment
}

// altered names a revision, and the entry that it does not fit, or 0 where there is none.
func altered(r Revision, entry int64) error {
	what := fmt.Sprintf("version %d of environment %q, by %s, is not what was set", r.Version, r.Environment, r.By)
	if entry == 0 {
		what += ": no entry has it"
	}
	return &audit.Broken{Seq: entry, Why: what}
}
