package clinic

import (
	"net/http"
	"sync"
	"unicode/utf8"
)

// drafts keeps each user's unfinished note on each patient, in memory. The page sends it when its session is about to end, and finds
// it again after the next sign-in. It is here and not in the browser, so that the next user of the browser finds nothing.
type drafts struct {
	mu     sync.Mutex
	byPage map[draftKey]string
}

type draftKey struct{ user, patientID string }

func (d *drafts) set(user, patientID, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if text == "" {
		delete(d.byPage, draftKey{user, patientID})
		return
	}
	d.byPage[draftKey{user, patientID}] = text
}

func (d *drafts) of(user, patientID string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.byPage[draftKey{user, patientID}]
}

// keepDraft keeps what stands in the form. There is one draft for each user and patient, so they are bounded like the notes.
func (c *clinic) keepDraft(w http.ResponseWriter, r *http.Request, v visit) {
	p, ok := c.patientByID(r.PathValue("id"))
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if !ok || r.ParseForm() != nil {
		http.Error(w, "There is no such draft.", http.StatusBadRequest)
		return
	}
	text := cleanNote(r.PostForm.Get("note"))
	if utf8.RuneCountInString(text) > maxNote {
		http.Error(w, "The draft is too long.", http.StatusUnprocessableEntity)
		return
	}
	c.drafts.set(v.user, p.ID, text)
	w.WriteHeader(http.StatusNoContent)
}
