package host

import "strings"

// defineSystem defines what Go's system calls use when there is no operating system: fs, process, path; and crypto.
func (r *Realm) defineSystem() {
	r.defineFiles()
	r.defineProcess()
	r.namespace("crypto").DefineFunc("getRandomValues", func(c Call) (Value, error) {
		o, ok := c.Arg(0).(*Object)
		if ok {
			if w, ok := o.exotic.(*view); ok && w.kind != elementFloat64 {
				return o, r.fillRandom(w.bytes)
			}
		}
		return nil, Errorf("TypeMismatchError", "The data argument must be an integer-type TypedArray")
	})
}

// notImplemented is the exception for system calls that there is nothing behind.
func (r *Realm) notImplemented() *Object {
	return r.NewError("Error", "not implemented").Define("code", String("ENOSYS"))
}

// defineFiles defines fs with standard output and standard error; all else fails with ENOSYS.
func (r *Realm) defineFiles() {
	fs := r.namespace("fs")
	constants := r.NewObject()
	for _, name := range []string{"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_EXCL", "O_DIRECTORY"} {
		constants.Define(name, Number(-1))
	}
	fs.Define("constants", constants)
	fs.DefineFunc("writeSync", func(c Call) (Value, error) {
		fd, err := ToInteger(c.Arg(0))
		if err != nil {
			return nil, err
		}
		b, err := c.Bytes(1)
		if err != nil {
			return nil, err
		}
		if !r.writeOutput(uint64(fd), b) {
			return nil, &Throw{r.notImplemented()}
		}
		return Number(len(b)), nil
	})
	// fs.write(fd, buffer, offset, length, position, callback)
	fs.DefineFunc("write", func(c Call) (Value, error) {
		callback, err := c.Func(5)
		if err != nil {
			return nil, err
		}
		b, err := c.Bytes(1)
		if err != nil {
			return nil, err
		}
		fd, err := ToInteger(c.Arg(0))
		if err != nil {
			return nil, err
		}
		whole := c.Arg(2) == Number(0) && c.Arg(3) == Number(len(b)) && c.Arg(4) == Null
		if !whole || !r.writeOutput(uint64(fd), b) {
			return callback.Call(Undefined, r.notImplemented())
		}
		return callback.Call(Undefined, Null, Number(len(b)))
	})
	fs.DefineFunc("fsync", func(c Call) (Value, error) { return answer(c, Null) })
	for _, name := range []string{"chmod", "chown", "close", "fchmod", "fchown", "fstat", "ftruncate", "lchown", "link", "lstat",
		"mkdir", "open", "read", "readdir", "readlink", "rename", "rmdir", "stat", "symlink", "truncate", "unlink", "utimes"} {
		fs.DefineFunc(name, func(c Call) (Value, error) { return answer(c, r.notImplemented()) })
	}
}

// answer calls a system call's callback, its last argument.
func answer(c Call, result Value) (Value, error) {
	callback, err := c.Func(len(c.Args) - 1)
	if err != nil {
		return nil, err
	}
	return callback.Call(Undefined, result)
}

func (r *Realm) defineProcess() {
	process := r.namespace("process")
	process.Define("pid", Number(-1)).Define("ppid", Number(-1))
	for _, name := range []string{"getuid", "getgid", "geteuid", "getegid"} {
		process.DefineFunc(name, func(Call) (Value, error) { return Number(-1), nil })
	}
	for _, name := range []string{"getgroups", "umask", "cwd", "chdir"} {
		process.DefineFunc(name, func(Call) (Value, error) { return nil, &Throw{r.notImplemented()} })
	}
	r.namespace("path").DefineFunc("resolve", func(c Call) (Value, error) {
		parts := make([]string, len(c.Args))
		for i := range c.Args {
			var err error
			if parts[i], err = c.String(i); err != nil {
				return nil, err
			}
		}
		return String(strings.Join(parts, "/")), nil
	})
}
