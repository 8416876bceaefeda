package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxLine is the longest line of an export, in bytes. The longest entry fits, with every byte escaped.
const MaxLine = 1 << 20

// AppendLine appends an entry as one line of JSON, the form of every export. An entry has one form only.
func AppendLine(to []byte, e Entry) []byte { return appendJSON(to, e) }

func appendJSON(to []byte, value any) []byte {
	buffer := bytes.NewBuffer(to)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // only for types that JSON does not know
	}
	return buffer.Bytes()
}

// Export writes every entry of a store as a line of JSON, and says how many were written.
func Export(ctx context.Context, s Store, w io.Writer) (int, error) {
	written, line := 0, []byte(nil)
	err := s.Walk(ctx, func(first, last Link) error { return nil }, func(e Entry) error {
		line = AppendLine(line[:0], e)
		if _, err := w.Write(line); err != nil {
			return err
		}
		written++
		return nil
	})
	return written, err
}

// ReadLine reads a line that AppendLine wrote, with its end or without. Everything else is refused, also another form of the same
// entry.
func ReadLine(line []byte) (Entry, error) {
	line = bytes.TrimSuffix(line, []byte("\n"))
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	var e Entry
	switch err := decoder.Decode(&e); {
	case err == io.EOF:
		return Entry{}, errors.New("it is empty")
	case err != nil:
		return Entry{}, err
	case e.Seq < 1:
		return Entry{}, fmt.Errorf("seq is %d; allowed: 1 or more", e.Seq)
	}
	if err := e.Validate(); err != nil {
		return Entry{}, err
	}
	if again := AppendLine(make([]byte, 0, len(line)+1), e); !bytes.Equal(again[:len(again)-1], line) || e.Event != e.tidy() {
		return Entry{}, errors.New("it is not in the form in which entries are exported")
	}
	return e, nil
}

// LineError says which line of an export is wrong.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// VerifyLines verifies an export without its store. The error is a *LineError, with a *Broken in its tree when the line is sound and
// does not follow the one before, or the reader's. An export that begins within the chain is vouched for by the entry of kind
// Trimmed that names what was dropped before it; without one the first entry is trusted, and Verified says so. Whether entries are
// missing at the end only the store knows: compare Last with what Verify says there.
func VerifyLines(r io.Reader) (Verified, error) {
	var found Verified
	var first Entry
	var dropped Link
	lines := bufio.NewReaderSize(r, MaxLine)
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			break
		}
		if err == bufio.ErrBufferFull {
			return found, &LineError{number, fmt.Errorf("it is longer than %d bytes", MaxLine)}
		}
		if err != nil && err != io.EOF {
			return found, err
		}
		e, err := ReadLine(line)
		if err == nil {
			if number == 1 && e.Seq != 1 {
				first, found.Last = e, e.Link()
			} else {
				found.Last, err = found.Last.Follow(e)
			}
		}
		if err == nil && e.Kind == Trimmed {
			dropped, err = trimmed(e)
		}
		if err != nil {
			return found, &LineError{number, err}
		}
		found.Entries++
	}
	if first.Seq == 0 {
		return found, nil
	}
	if found.First.Seq = first.Seq - 1; found.First.Seq != dropped.Seq {
		found.Trusted = true
		return found, nil
	}
	found.First = dropped
	if _, err := dropped.Follow(first); err != nil {
		return found, &LineError{1, err}
	}
	return found, nil
}
