package host

// tinyModule assembles a WebAssembly module with the shape of a GOOS=js program and a run function of the test's choice:
// programs that Go's compiler would never make.
type tinyModule struct {
	importModule string // default gojs
	imports      []string
	run          []byte // the body of run(argc, argv i32), without its end
	memory       []byte // from address 0
	pages        byte
	noMemory     bool
	noResume     bool
	runResult    bool // gives run another type
}

// Instructions.
const (
	opUnreachable = 0x00
	opLoop        = 0x03
	opBranch      = 0x0c
	opEnd         = 0x0b
	opCall        = 0x10
	opConst32     = 0x41
	emptyBlock    = 0x40
	typeI32       = 0x7f
)

func constant(v int32) []byte { return append([]byte{opConst32}, sleb(int64(v))...) }

// callImport calls import i with a stack pointer.
func callImport(i int, sp int32) []byte { return append(constant(sp), opCall, byte(i)) }

func (m tinyModule) bytes() []byte {
	if m.importModule == "" {
		m.importModule = "gojs"
	}
	m.pages = max(m.pages, 1)
	out := []byte{0, 'a', 's', 'm', 1, 0, 0, 0}
	section := func(id byte, items ...[]byte) {
		if len(items) == 0 {
			return
		}
		body := vector(items...)
		out = append(append(append(out, id), uleb(len(body))...), body...)
	}
	runType := []byte{0x60, 2, typeI32, typeI32, 0}
	if m.runResult {
		runType = []byte{0x60, 2, typeI32, typeI32, 1, typeI32}
	}
	section(1, []byte{0x60, 1, typeI32, 0}, runType, []byte{0x60, 0, 0}, []byte{0x60, 0, 1, typeI32})
	var imports [][]byte
	for _, name := range m.imports {
		imports = append(imports, append(append(text(m.importModule), text(name)...), 0, 0))
	}
	section(2, imports...)
	section(3, []byte{1}, []byte{2}, []byte{3})
	if !m.noMemory {
		section(5, []byte{0, m.pages})
	}
	first := byte(len(m.imports))
	exports := [][]byte{append(text("run"), 0, first), append(text("getsp"), 0, first+2)}
	if !m.noResume {
		exports = append(exports, append(text("resume"), 0, first+1))
	}
	if !m.noMemory {
		exports = append(exports, append(text("mem"), 2, 0))
	}
	section(7, exports...)
	code := func(body []byte) []byte {
		body = append(append([]byte{0}, body...), opEnd)
		return append(uleb(len(body)), body...)
	}
	section(10, code(m.run), code(nil), code(constant(0)))
	if len(m.memory) > 0 {
		data := append([]byte{0}, append(constant(0), opEnd)...)
		section(11, append(append(data, uleb(len(m.memory))...), m.memory...))
	}
	return out
}

func vector(items ...[]byte) []byte {
	out := uleb(len(items))
	for _, i := range items {
		out = append(out, i...)
	}
	return out
}

func text(s string) []byte { return append(uleb(len(s)), s...) }

func uleb(n int) []byte {
	var out []byte
	for {
		b := byte(n & 0x7f)
		if n >>= 7; n == 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

func sleb(n int64) []byte {
	var out []byte
	for {
		b := byte(n & 0x7f)
		n >>= 7
		if n == 0 && b&0x40 == 0 || n == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}
