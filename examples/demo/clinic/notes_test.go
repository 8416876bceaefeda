package clinic

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

const record = "/patients/FH-1057"

func TestNoteIsSavedAndShown(t *testing.T) {
	h := newClinic(t)
	w := postNote(h, "FH-1057", "Nurse Wren", "  Feels better.\r\nWalks daily.  ", "Sec-Fetch-Site", "same-origin")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != record+"?saved=1#notes" {
		t.Fatalf("got %d to %q", w.Code, w.Header().Get("Location"))
	}
	body := get(h, record+"?saved=1", "Dr Amara").Body.String()
	for _, want := range []string{"Your note was saved.", "Feels better.\nWalks daily.</p>", "Nurse Wren", `datetime="2031-03-04T09:30:00Z"`, "4 March 2031, 09:30"} {
		if !strings.Contains(body, want) {
			t.Errorf("page lacks %q", want)
		}
	}
	if strings.Contains(get(h, "/patients/FH-1063", "Dr Amara").Body.String(), "Feels better") {
		t.Error("the note shows on another patient's record")
	}
	if other := newClinic(t); strings.Contains(get(other, record, "Dr Amara").Body.String(), "Feels better") {
		t.Error("the note shows in another clinic of the same process")
	}
}

// A note, its author and a refused draft are text, never markup.
func TestNotesAreEscaped(t *testing.T) {
	const attack = `</textarea><script>alert(1)</script><img src=x onerror=alert(1)>`
	h := newClinic(t)
	if w := postNote(h, "FH-1057", `<script>alert(2)</script>`, attack); w.Code != http.StatusSeeOther {
		t.Fatalf("status is %d", w.Code)
	}
	pages := map[string]string{
		"saved":   get(h, record, `<script>alert(3)</script>`).Body.String(),
		"refused": postNote(h, "FH-1057", "Nurse Wren", attack+strings.Repeat("x", maxNote)).Body.String(),
	}
	for name, body := range pages {
		if strings.Contains(body, "<script>") || strings.Contains(body, "<img src=x") || strings.Count(body, "</textarea>") != 1 {
			t.Errorf("%s: markup came through:\n%s", name, body)
		}
		if !strings.Contains(body, "&lt;script&gt;alert(1)") {
			t.Errorf("%s: the text is not shown", name)
		}
	}
}

func TestNoteSize(t *testing.T) {
	tests := []struct {
		name, note string
		status     int
		want       string
	}{
		{"longest", strings.Repeat("x", maxNote), http.StatusSeeOther, ""},
		{"longest, four bytes each", strings.Repeat("\U0001FA7A", maxNote), http.StatusSeeOther, ""},
		{"longest with line ends", strings.Repeat("x\r\n", maxNote/2-1) + "xx", http.StatusSeeOther, ""},
		{"one too long", strings.Repeat("x", maxNote+1), http.StatusUnprocessableEntity, "The note has 2001 characters. Shorten it to 2000."},
		{"empty", "", http.StatusUnprocessableEntity, "Write something"},
		{"only space", " \r\n\t ", http.StatusUnprocessableEntity, "Write something"},
		{"a flood", strings.Repeat("x", maxBody), http.StatusRequestEntityTooLarge, "The note was not saved"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newClinic(t)
			w := postNote(h, "FH-1057", "Nurse Wren", tt.note)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Fatalf("got %d: %.300s", w.Code, w.Body)
			}
			saved := !strings.Contains(get(h, record, "x").Body.String(), "No notes yet.")
			if saved != (tt.status == http.StatusSeeOther) {
				t.Errorf("saved: %v", saved)
			}
			if tt.status == http.StatusUnprocessableEntity {
				for _, want := range []string{`aria-invalid="true"`, `aria-describedby="note-problem note-help"`, script, strings.TrimSpace(tt.note) + "</textarea>"} {
					if !strings.Contains(w.Body.String(), want) {
						t.Errorf("page lacks %.60q", want)
					}
				}
			}
		})
	}
}

func TestOldestNotesGiveWay(t *testing.T) {
	h := newClinic(t)
	for i := range maxNotes + 5 {
		postNote(h, "FH-1057", "Nurse Wren", fmt.Sprintf("note number %d.", i))
	}
	body := get(h, record, "x").Body.String()
	if n := strings.Count(body, "note number"); n != maxNotes || strings.Contains(body, "note number 4.") || !strings.Contains(body, "note number 5.") {
		t.Errorf("%d notes are shown, want the newest %d", n, maxNotes)
	}
}

// Only the clinic's own form can save a note, and only for a user.
func TestForeignNotesAreRefused(t *testing.T) {
	tests := []struct {
		name, user string
		headers    []string
		status     int
	}{
		{"another site", "Nurse Wren", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{"a sister site", "Nurse Wren", []string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden},
		{"another origin, old browser", "Nurse Wren", []string{"Origin", "https://evil.example.test"}, http.StatusForbidden},
		{"opaque origin, old browser", "Nurse Wren", []string{"Origin", "null"}, http.StatusForbidden},
		{"nobody", "", []string{"Sec-Fetch-Site", "same-origin"}, http.StatusUnauthorized},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newClinic(t)
			w := postNote(h, "FH-1057", tt.user, "forged", tt.headers...)
			if w.Code != tt.status || strings.Contains(w.Body.String(), "<script") {
				t.Errorf("got %d: %s", w.Code, w.Body)
			}
			if strings.Contains(get(h, record, "x").Body.String(), "forged") {
				t.Error("the note was saved")
			}
		})
	}
	t.Run("own origin, old browser", func(t *testing.T) {
		if w := postNote(newClinic(t), "FH-1057", "Nurse Wren", "fine", "Origin", "https://clinic.example.test"); w.Code != http.StatusSeeOther {
			t.Errorf("got %d", w.Code)
		}
	})
}

func TestNoteForUnknownPatient(t *testing.T) {
	if w := postNote(newClinic(t), "FH-9999", "Nurse Wren", "lost"); w.Code != http.StatusNotFound {
		t.Errorf("got %d", w.Code)
	}
}

func TestMethodsAreChecked(t *testing.T) {
	h := newClinic(t)
	for _, method := range []string{"PUT", "DELETE", "POST"} {
		r := httptest.NewRequest(method, record, nil)
		r.Header.Set("Test-User", "x")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == http.StatusOK || strings.Contains(w.Body.String(), "Quillfeather") {
			t.Errorf("%s gave %d", method, w.Code)
		}
	}
}

func TestNotesFromManyAtOnce(t *testing.T) {
	h := newClinic(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			postNote(h, "FH-1057", "Nurse Wren", fmt.Sprintf("note number %d.", i))
			get(h, record, "x")
		})
	}
	all.Wait()
	if n := strings.Count(get(h, record, "x").Body.String(), "note number"); n != 20 {
		t.Errorf("%d notes are there, want 20", n)
	}
}
