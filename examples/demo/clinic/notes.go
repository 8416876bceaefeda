package clinic

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// maxNote bounds one note, in characters.
	maxNote = 2000
	// maxNotes bounds the notes of one patient; the oldest give way.
	maxNotes = 50
	// maxBody bounds the body that carries a note, in bytes: every character of
	// the longest note may take twelve, four bytes percent-encoded.
	maxBody = 12*maxNote + 1024
)

var (
	errEmptyNote = errors.New("clinic: note is empty")
	errLongNote  = errors.New("clinic: note is too long")
)

type note struct {
	At     time.Time
	Author string
	Text   string
}

// notebook keeps the notes of all patients, newest first, in memory.
type notebook struct {
	mu      sync.Mutex
	byOwner map[string][]note
}

func newNotebook(start time.Time) *notebook {
	return &notebook{byOwner: map[string][]note{
		"FH-1042": {
			{start.Add(-26 * time.Hour), "Nurse Wren Tallow", "Home readings are coming down since the dose was raised. No dizziness when standing up."},
			{start.AddDate(0, 0, -13), "Dr Amara Lindqvist", "Ramipril raised from 2.5 mg to 5 mg. Kidney values to be checked in two weeks."},
		},
		"FH-1084": {{start.Add(-50 * time.Hour), "Dr Amara Lindqvist", "Pressure is creeping up again. Ask about salt and about missed doses."}},
	}}
}

// add stores a cleaned note, or returns errEmptyNote or errLongNote.
func (n *notebook) add(patientID, author, text string, now time.Time) error {
	text = cleanNote(text)
	if text == "" {
		return errEmptyNote
	}
	if utf8.RuneCountInString(text) > maxNote {
		return errLongNote
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	notes := slices.Insert(n.byOwner[patientID], 0, note{now, author, text})
	n.byOwner[patientID] = notes[:min(len(notes), maxNotes)]
	return nil
}

func (n *notebook) of(patientID string) []note {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.byOwner[patientID])
}

// cleanNote counts a line end as one character, as browsers do for maxlength.
func cleanNote(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\r\n", "\n"))
}
