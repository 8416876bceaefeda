package audit

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestC5_LineComesBack(t *testing.T) {
	for name, e := range map[string]Event{
		"usual":   happened(1),
		"empty":   {Kind: SignIn},
		"special": {Kind: Refused, Code: "replayed", Detail: "<b>&\u2028\x00\x7f\"\\\t\n\r ü 🙂"},
		"no text": {Kind: Refused, Detail: "a\xff\xfeb", Subject: "\xc3"},
		"long":    {Kind: Refused, Detail: strings.Repeat("\x00", MaxDetail+9), Subject: strings.Repeat("\x01", MaxField+9), Actor: strings.Repeat("🙂", MaxField)},
	} {
		t.Run(name, func(t *testing.T) {
			want := Link{6, Hash{7}}.Next(e)
			line := AppendLine([]byte("before"), want)[len("before"):]
			if len(line) > MaxLine || bytes.Count(line, []byte("\n")) != 1 || line[len(line)-1] != '\n' {
				t.Fatalf("a line of %d bytes; want one line of up to %d", len(line), MaxLine)
			}
			for _, form := range [][]byte{line, line[:len(line)-1]} {
				if got, err := ReadLine(form); err != nil || got != want {
					t.Errorf("ReadLine: %+v, %v; want %+v", got, err, want)
				}
			}
		})
	}
}

func TestC5_ReadLineIsStrict(t *testing.T) {
	good := string(AppendLine(nil, Link{6, Hash{7}}.Next(happened(1))))
	replaced := func(old, new string) string {
		t.Helper()
		if !strings.Contains(good, old) {
			t.Fatalf("%s has no %s", good, old)
		}
		return strings.Replace(good, old, new, 1)
	}
	hash := (Link{6, Hash{7}}).Next(happened(1)).Hash.String()
	for name, line := range map[string]string{
		"empty":               "",
		"line end only":       "\n",
		"no object":           "7",
		"null":                "null",
		"array":               "[" + strings.TrimSpace(good) + "]",
		"cut":                 good[:len(good)-3],
		"two":                 strings.TrimSpace(good) + good,
		"something behind":    strings.TrimSpace(good) + " x",
		"space before":        " " + good,
		"space within":        replaced(",", ", "),
		"carriage return":     strings.TrimSpace(good) + "\r\n",
		"two line ends":       good + "\n",
		"unknown field":       replaced(`"kind"`, `"more":1,"kind"`),
		"field twice":         replaced(`"kind"`, `"seq":7,"kind"`),
		"field in capitals":   replaced(`"kind"`, `"Kind"`),
		"another order":       replaced(`"seq":7,`, "")[:len(replaced(`"seq":7,`, ""))-2] + `,"seq":7}`,
		"empty field":         replaced(`"kind"`, `"actor":"","kind"`),
		"escape":              replaced("crm", `\u0063rm`),
		"no number":           replaced(`"seq":7,`, ""),
		"number 0":            replaced(`"seq":7`, `"seq":0`),
		"number below 0":      replaced(`"seq":7`, `"seq":-7`),
		"number as text":      replaced(`"seq":7`, `"seq":"7"`),
		"number as 7.0":       replaced(`"seq":7`, `"seq":7.0`),
		"number of 20 digits": replaced(`"seq":7`, `"seq":70000000000000000000`),
		"time below 0":        replaced(`"at":1000`, `"at":-1`),
		"unknown kind":        replaced(`"kind":"ended"`, `"kind":"nonsense"`),
		"no kind":             replaced(`"kind":"ended",`, ""),
		"unknown reason":      replaced("inactivity", "bored"),
		"unknown code":        replaced(`"reason"`, `"code":"teapot","reason"`),
		"no hash":             replaced(`,"hash":"`+hash+`"`, ""),
		"short hash":          replaced(hash, hash[:62]),
		"hash in capitals":    replaced(hash, strings.ToUpper(hash)),
		"hash of no digits":   replaced(hash, strings.Repeat("xy", 32)),
		"detail too long":     replaced(`"detail":"b"`, `"detail":"`+strings.Repeat("b", MaxDetail+1)+`"`),
		"no text":             replaced("crm", "c\xffm"),
	} {
		if e, err := ReadLine([]byte(line)); err == nil || e != (Entry{}) {
			t.Errorf("%s: ReadLine gave %+v, %v; want an error only", name, e, err)
		}
	}
}

func TestC5_VerifyLinesNamesTheLine(t *testing.T) {
	good := string(exported(t, chained(t, 4)))
	lines := strings.SplitAfter(good, "\n")
	for name, test := range map[string]struct {
		file string
		line int
	}{
		"nonsense":        {lines[0] + lines[1] + "nonsense\n" + lines[2], 3},
		"empty line":      {lines[0] + "\n" + lines[1], 2},
		"empty line last": {good + "\n", 5},
		"cut":             {good[:len(good)-9], 4},
		"too long":        {lines[0] + strings.Repeat(" ", MaxLine) + "\n" + lines[1], 2},
		"without an end":  {lines[0] + strings.Repeat("x", 3*MaxLine), 2},
	} {
		var line *LineError
		if _, err := VerifyLines(strings.NewReader(test.file)); !errors.As(err, &line) || line.Line != test.line {
			t.Errorf("%s: %v; want an error in line %d", name, err, test.line)
		}
	}
	for name, file := range map[string]string{"without the last line's end": good[:len(good)-1], "nothing": ""} {
		if found, err := VerifyLines(iotest.OneByteReader(strings.NewReader(file))); err != nil || found.Trusted {
			t.Errorf("%s: %+v, %v; want no error", name, found, err)
		}
	}
	failed := errors.New("the disk is gone")
	if _, err := VerifyLines(io.MultiReader(strings.NewReader(lines[0]), iotest.ErrReader(failed))); !errors.Is(err, failed) {
		t.Errorf("VerifyLines of a reader that fails: %v; want its error", err)
	}
}

func TestC5_ExportPassesErrorsOn(t *testing.T) {
	m := chained(t, 3)
	broken, w := io.Pipe()
	broken.CloseWithError(errFull)
	if n, err := Export(t.Context(), m, w); !errors.Is(err, errFull) || n != 0 {
		t.Errorf("Export to a full disk: %d, %v", n, err)
	}
}

// What is accepted is in the one form that an entry has, so nothing can be hidden in a line.
func FuzzReadLine(f *testing.F) {
	at := Link{}
	for _, e := range []Event{happened(0), {Kind: SignIn}, {Kind: Refused, Code: "replayed", Detail: "<&>\u2028\x00\xff"}, TrimEvent(3, Link{3, Hash{1}}, 9, "root"),
		{At: 1, Kind: SettingsChanged, Environment: "crm", Actor: "ada", Detail: "session_timeout: provider -> 12h"}} {
		next := at.Next(e)
		f.Add(AppendLine(nil, next))
		at = next.Link()
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := ReadLine(line)
		if err != nil {
			if e != (Entry{}) {
				t.Fatalf("an error, and %+v", e)
			}
			return
		}
		if again := AppendLine(nil, e); !bytes.Equal(bytes.TrimSuffix(again, []byte("\n")), bytes.TrimSuffix(line, []byte("\n"))) {
			t.Fatalf("%q was read, and is written as %q", line, again)
		}
		if _, err := (Link{e.Seq - 1, Hash{}}).Follow(e); err == nil && (Link{e.Seq - 1, Hash{}}).Next(e.Event) != e {
			t.Fatalf("%q follows, and is not what would be made", line)
		}
	})
}

func FuzzVerifyLines(f *testing.F) {
	var m memory
	for n := range 3 {
		m.Append(f.Context(), []Event{happened(n)})
	}
	var file bytes.Buffer
	for _, e := range m.entries {
		file.Write(AppendLine(nil, e))
	}
	f.Add(file.Bytes())
	f.Add(bytes.Join(bytes.SplitAfter(file.Bytes(), []byte("\n"))[1:], nil))
	f.Fuzz(func(t *testing.T, text []byte) {
		found, err := VerifyLines(bytes.NewReader(text))
		if err != nil {
			return
		}
		lines := bytes.Count(text, []byte("\n"))
		if len(text) > 0 && text[len(text)-1] != '\n' {
			lines++
		}
		if found.Entries != lines || found.Last.Seq-found.First.Seq != int64(lines) {
			t.Fatalf("%d lines verify as %+v", lines, found)
		}
	})
}
