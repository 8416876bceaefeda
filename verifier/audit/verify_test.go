package audit

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tampering is what somebody who can write the store can do to ten entries, the place at which it shows, and what is said there.
var tampering = map[string]struct {
	do  func(m *memory)
	seq int64
	why string
}{
	"first altered":  {func(m *memory) { m.entries[0].Detail = "x" }, 1, "altered"},
	"middle altered": {func(m *memory) { m.entries[4].Subject = "eve" }, 5, "altered"},
	"last altered":   {func(m *memory) { m.entries[9].At++ }, 10, "altered"},
	"text moved to the next field": {func(m *memory) {
		m.entries[4].Session, m.entries[4].Subject = m.entries[4].Session+"a", "da"
	}, 5, "altered"},
	"hash altered": {func(m *memory) { m.entries[4].Hash[31] ^= 1 }, 5, "altered"},
	"altered, with a hash that fits": {func(m *memory) {
		m.entries[4] = m.entries[3].Link().Next(Event{Kind: SignIn})
	}, 6, "altered"},
	"last altered, with a hash that fits": {func(m *memory) {
		m.entries[9] = m.entries[8].Link().Next(Event{Kind: SignIn})
	}, 10, "written anew"},
	"first removed":            {func(m *memory) { m.entries = m.entries[1:] }, 1, "missing"},
	"middle removed":           {func(m *memory) { m.entries = slices.Delete(m.entries, 4, 5) }, 5, "missing"},
	"last removed":             {func(m *memory) { m.entries = m.entries[:9] }, 10, "missing"},
	"three of the end removed": {func(m *memory) { m.entries = m.entries[:7] }, 8, "missing"},
	"all removed":              {func(m *memory) { m.entries = nil }, 1, "missing"},
	"middle removed and the rest numbered anew": {func(m *memory) {
		m.entries = slices.Delete(m.entries, 4, 5)
		for i := range m.entries {
			m.entries[i].Seq = int64(i) + 1
		}
	}, 5, "altered"},
	"reordered": {func(m *memory) { m.entries[4], m.entries[5] = m.entries[5], m.entries[4] }, 5, "missing"},
	"reordered, with numbers that fit": {func(m *memory) {
		m.entries[4].Event, m.entries[5].Event = m.entries[5].Event, m.entries[4].Event
		m.entries[4].Hash, m.entries[5].Hash = m.entries[5].Hash, m.entries[4].Hash
	}, 5, "altered"},
	"repeated": {func(m *memory) { m.entries = slices.Insert(m.entries, 5, m.entries[4]) }, 6, "entry 5 stands in its place"},
	"inserted": {func(m *memory) {
		m.entries = slices.Insert(m.entries, 4, m.entries[3].Link().Next(Event{Kind: SignIn}))
	}, 6, "entry 5 stands in its place"},
	"inserted, and the rest numbered anew": {func(m *memory) {
		m.entries = slices.Insert(m.entries, 4, m.entries[3].Link().Next(Event{Kind: SignIn}))
		for i := range m.entries {
			m.entries[i].Seq = int64(i) + 1
		}
	}, 6, "altered"},
	"added at the end": {func(m *memory) { m.entries = append(m.entries, m.last.Next(Event{Kind: SignIn})) }, 11, "added from outside"},
	"cut at the beginning, which is noted": {func(m *memory) {
		m.first, m.entries = m.entries[2].Link(), m.entries[3:]
	}, 1, "no entry says"},
}

func TestC5_TamperingIsFoundAndNamed(t *testing.T) {
	for name, test := range tampering {
		t.Run(name, func(t *testing.T) {
			m := chained(t, 10)
			test.do(m)
			found, err := Verify(t.Context(), m, nil)
			var broken *Broken
			if !errors.Is(err, ErrBroken) || !errors.As(err, &broken) || broken.Seq != test.seq || !strings.Contains(broken.Why, test.why) {
				t.Fatalf("Verify: %v; want it broken at %d, because %q", err, test.seq, test.why)
			}
			if found.Last.Seq != test.seq-1 && found.Last.Seq != test.seq && broken.Seq != 1 {
				t.Errorf("Verify got to entry %d; want it to get to the break at %d", found.Last.Seq, test.seq)
			}
		})
	}
}

// An export has no note of its end, and whoever can note where it begins has taken the store's word already.
func TestC5_TamperingWithAnExportIsFoundAndNamed(t *testing.T) {
	blind := map[string]bool{"last removed": true, "three of the end removed": true, "all removed": true, "last altered, with a hash that fits": true,
		"added at the end": true}
	trusted := map[string]bool{"first removed": true, "cut at the beginning, which is noted": true}
	for name, test := range tampering {
		t.Run(name, func(t *testing.T) {
			m := chained(t, 10)
			test.do(m)
			found, err := VerifyLines(bytes.NewReader(exported(t, m)))
			if blind[name] || trusted[name] {
				if err != nil || found.Trusted != trusted[name] {
					t.Fatalf("VerifyLines: %+v, %v; want no error, and Trusted %t", found, err, trusted[name])
				}
				return
			}
			var line *LineError
			var broken *Broken
			if !errors.As(err, &line) || !errors.As(err, &broken) || broken.Seq != test.seq || line.Line != int(test.seq) {
				t.Fatalf("VerifyLines: %v; want it broken at entry %d, in the line of that number", err, test.seq)
			}
		})
	}
}

func exported(t *testing.T, m *memory) []byte {
	t.Helper()
	var file bytes.Buffer
	if n, err := Export(t.Context(), m, &file); err != nil || n != len(m.entries) {
		t.Fatalf("Export of %d entries: %v", n, err)
	}
	return file.Bytes()
}

func TestC5_UntouchedChainVerifies(t *testing.T) {
	m := chained(t, 10)
	calls := int64(0)
	found, err := Verify(t.Context(), m, func(done, all int64) {
		if calls++; done != calls || all != 10 {
			t.Errorf("progress: %d of %d; want %d of 10", done, all, calls)
		}
	})
	if want := (Verified{Entries: 10, Last: m.last}); err != nil || found != want || calls != 10 {
		t.Errorf("Verify: %+v, %v; want %+v", found, err, want)
	}
	if lines, err := VerifyLines(bytes.NewReader(exported(t, m))); err != nil || lines != found {
		t.Errorf("VerifyLines: %+v, %v; want %+v", lines, err, found)
	}
}

func TestC5_TrimmedChainVerifies(t *testing.T) {
	m := chained(t, 10)
	m.trim(t, 3)
	m.trim(t, 2)
	want := Verified{Entries: 7, First: Link{5, m.first.Hash}, Last: m.last}
	if found, err := Verify(t.Context(), m, nil); err != nil || found != want {
		t.Errorf("Verify: %+v, %v; want %+v", found, err, want)
	}
	if found, err := VerifyLines(bytes.NewReader(exported(t, m))); err != nil || found != want {
		t.Errorf("VerifyLines: %+v, %v; want %+v", found, err, want)
	}
	m.trim(t, 7)
	if found, err := Verify(t.Context(), m, nil); err != nil || found.Entries != 1 {
		t.Errorf("Verify of a chain of which everything was dropped: %+v, %v", found, err)
	}
}

func TestC5_TrimmedChainThatWasCutIsFound(t *testing.T) {
	cuts := map[string]func(m *memory){
		"further than the entry says": func(m *memory) { m.first, m.entries = m.entries[0].Link(), m.entries[1:] },
		"to a place of another hash":  func(m *memory) { m.first.Hash[0] ^= 1 },
		"and the entry altered":       func(m *memory) { m.entries[7].Detail = strings.Replace(m.entries[7].Detail, "up to 3", "up to 4", 1) },
		"and the entry of no sense": func(m *memory) {
			m.entries[7] = m.entries[6].Link().Next(Event{Kind: Trimmed, Detail: "everything"})
			m.last = m.entries[7].Link()
		},
		"and the entry without a hash": func(m *memory) {
			m.entries[7] = m.entries[6].Link().Next(Event{Kind: Trimmed, Detail: "3 entries were dropped, up to 3 with hash 12"})
			m.last = m.entries[7].Link()
		},
	}
	for name, cut := range cuts {
		t.Run(name, func(t *testing.T) {
			m := chained(t, 10)
			m.trim(t, 3)
			cut(m)
			if _, err := Verify(t.Context(), m, nil); !errors.Is(err, ErrBroken) {
				t.Errorf("Verify: %v; want ErrBroken", err)
			}
		})
	}
	m := chained(t, 10)
	m.trim(t, 3)
	m.entries[0].Detail = "x" // the oldest, of which only the entry about the trimming knows what was before
	var broken *Broken
	if _, err := VerifyLines(bytes.NewReader(exported(t, m))); !errors.As(err, &broken) || broken.Seq != 4 {
		t.Errorf("VerifyLines of an export whose oldest entry was altered: %v; want it broken at 4", err)
	}
}

// Every field must be hashed: one that is not could be altered.
func TestC5_EveryFieldIsHashed(t *testing.T) {
	whole := Event{At: 1, Kind: Ended, Environment: "e", Session: "s", Subject: "u", Client: "phone", Reason: "inactivity", Code: "replayed", Actor: "a", Digest: "g", Detail: "d"}
	seen := map[Hash]string{Link{}.Next(whole).Hash: "none"}
	of := reflect.TypeFor[Event]()
	for i := range of.NumField() {
		other := whole
		field := reflect.ValueOf(&other).Elem().Field(i)
		if field.IsZero() {
			t.Fatalf("field %s of the test's event is empty: fill it", of.Field(i).Name)
		}
		field.SetZero()
		hash := Link{}.Next(other).Hash
		if same, twice := seen[hash]; twice {
			t.Errorf("an event without %s has the hash of one without %s", of.Field(i).Name, same)
		}
		seen[hash] = of.Field(i).Name
	}
	if (Link{Seq: 1}).Next(whole).Hash == (Link{}).Next(whole).Hash {
		t.Error("the number is not hashed")
	}
	if (Link{Hash: Hash{1}}).Next(whole).Hash == (Link{}).Next(whole).Hash {
		t.Error("the hash before is not hashed")
	}
}

// A chain that is on disks somewhere must verify for ever.
func TestC5_HashesStayAsTheyAre(t *testing.T) {
	const want = "f932710c9d10f64797427cb131bc8a9607cb97f36e948110698303454e2ca2d7" // by Python's hashlib
	if got := (Link{41, Hash{1}}).Next(happened(3)).Hash.String(); got != want {
		t.Errorf("the hash is %s; want %s", got, want)
	}
}

func TestC5_EveryKindIsListed(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	ast.Inspect(file, func(node ast.Node) bool {
		value, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if of, ok := value.Type.(*ast.Ident); !ok || of.Name != "Kind" {
			return true
		}
		declared++
		text, err := strconv.Unquote(value.Values[0].(*ast.BasicLit).Value)
		if err != nil || !Kind(text).Valid() {
			t.Errorf("kind %s is %q, %v; want it to be listed in Kinds", value.Names[0].Name, text, err)
		}
		return true
	})
	if declared != len(Kinds()) || declared < 10 {
		t.Errorf("%d kinds are declared and %d listed", declared, len(Kinds()))
	}
}
