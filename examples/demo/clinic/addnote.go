package clinic

import (
	"errors"
	"fmt"
	"net/http"
	"unicode/utf8"
)

// addNote saves a note and sends the browser back to the record, so that a
// reload does not save it twice.
func (c *clinic) addNote(w http.ResponseWriter, r *http.Request, v visit) {
	p, ok := c.patientByID(r.PathValue("id"))
	if !ok {
		c.notFound(w, r, v)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		status, text := http.StatusBadRequest, "It could not be read. Write it again."
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			status, text = http.StatusRequestEntityTooLarge, fmt.Sprintf("It is much longer than the %d characters that a note may have.", maxNote)
		}
		c.show(w, status, protectedPage, "problem.html", problemView{c.protectedShell("The note was not saved", v), text})
		return
	}
	text := r.PostForm.Get("note")
	err := c.notes.add(p.ID, v.user, text, v.now)
	if err == nil {
		c.drafts.set(v.user, p.ID, "")
		http.Redirect(w, r, "/patients/"+p.ID+"?saved=1#notes", http.StatusSeeOther)
		return
	}
	view := c.recordOf(p, v)
	view.Draft = cleanNote(text)
	view.NoteProblem = "Write something before you save."
	if errors.Is(err, errLongNote) {
		view.NoteProblem = fmt.Sprintf("The note has %d characters. Shorten it to %d.", utf8.RuneCountInString(view.Draft), maxNote)
	}
	c.show(w, http.StatusUnprocessableEntity, protectedPage, "record.html", view)
}
