package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/curfew-project/curfew/verifier/settings"
)

// Source is where a configuration comes from: a file, and variables of the environment that stand above it.
type Source struct {
	// Path is the file.
	Path string
	// Optional lets the file be missing, where variables say everything.
	Optional bool
	// Environ has the variables, each as name=value, as os.Environ gives them; nil: none.
	Environ []string
}

// maxFile bounds the file.
const maxFile = 1 << 20

// Load reads and checks a file without any variables. Relative paths in it are relative to it.
func Load(path string) (Config, error) { return Source{Path: path}.Load() }

// Load reads and checks a configuration. Relative paths in the file are relative to it, and those in variables to the working directory.
// The error is Problems where it is about what is written.
func (s Source) Load() (Config, error) {
	text, err := s.read()
	if err != nil {
		return Config{}, err
	}
	return s.parse(text)
}

// read is the text of the file; nil without an error where it is missing and may be.
func (s Source) read() ([]byte, error) {
	file, err := os.Open(s.Path)
	if errors.Is(err, fs.ErrNotExist) && s.Optional {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxFile+1))
}

func (s Source) parse(text []byte) (Config, error) {
	c, err := read(text, s.Environ)
	if err != nil {
		return Config{}, s.Named(err)
	}
	c.resolve(filepath.Dir(s.Path))
	c.text = hashText(text, nil)
	return c, nil
}

// Named puts the name of the file before what is wrong with a configuration, unless only variables are to blame.
func (s Source) Named(err error) error {
	var all Problems
	if errors.As(err, &all) && !slices.ContainsFunc(all, func(p Problem) bool { return !strings.HasPrefix(p.Place, variablePrefix) }) {
		return err
	}
	return fmt.Errorf("%s: %w", s.Path, err)
}

// Parse reads and checks the text of a file without any variables. Paths in it stay as they are. The error is Problems: everything that
// is wrong, each with its line and column.
func Parse(text []byte) (Config, error) {
	c, err := read(text, nil)
	if err != nil {
		return Config{}, err
	}
	c.resolve("")
	return c, nil
}

// read reads and checks a configuration; its paths are not resolved yet.
func read(text []byte, environ []string) (Config, error) {
	if len(text) > maxFile {
		return Config{}, fmt.Errorf("the file has more than %d bytes", maxFile)
	}
	c := Default()
	var all Problems
	r := &reader{block: block{all: &all, places: places{}}, place: lineColumn}
	any := r.text(text, reflect.ValueOf(&c).Elem(), "")
	r.variables(environ, &c)
	if len(all) > 0 {
		return Config{}, all
	}
	if !any && len(c.variables) == 0 {
		how := "empty"
		if text == nil {
			how = "missing, and no variable says anything"
		}
		return Config{}, fmt.Errorf("the file is %s: it needs environments, each with id, origin and provider", how)
	}
	c.places = r.places
	if err := c.validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// resolve makes paths what they are relative to a directory, the file's, and gives the environments the providers that they name.
func (c *Config) resolve(base string) {
	for key, address := range map[string]*string{"listen": &c.Listen, "operator_listen": &c.OperatorListen} {
		if socket, ok := strings.CutPrefix(*address, UnixSocket); ok && !filepath.IsAbs(socket) && !c.fromVariable(key) {
			*address = UnixSocket + filepath.Join(base, socket)
		}
	}
	c.paths(func(path string, value *string) {
		if *value != "" && !filepath.IsAbs(*value) && !c.fromVariable(path) {
			*value = filepath.Join(base, *value)
		}
	})
	if c.Keys == "" {
		c.Keys = filepath.Join(c.Data, "keys")
	}
	switch socket := &c.Admin.Socket; {
	case *socket == settings.Off:
		*socket = ""
	case !filepath.IsAbs(*socket):
		*socket = filepath.Join(c.Data, *socket)
	}
	c.use()
}

// paths visits every path but those that are relative to data.
func (c *Config) paths(visit func(path string, value *string)) {
	visit("data", &c.Data)
	visit("keys", &c.Keys)
	visit("texts", &c.Texts)
	c.Store.paths(visit)
	for _, of := range c.certificates() {
		visit(of.key+".cert_file", &of.CertFile)
		visit(of.key+".key_file", &of.KeyFile)
		visit(of.key+".client_ca_file", &of.ClientCAFile)
	}
	for i := range c.Environments {
		env, at := &c.Environments[i], item("environments", i)
		visit(at+".provider.client_secret_file", &env.Provider.ClientSecretFile)
		if env.HandIn != nil {
			visit(at+".hand_in.secret_file", &env.HandIn.SecretFile)
		}
		for n := range env.Services {
			visit(item(at+".services", n)+".file", &env.Services[n].File)
		}
	}
	for i := range c.Providers {
		visit(item("providers", i)+".client_secret_file", &c.Providers[i].ClientSecretFile)
	}
	if c.Console != nil {
		visit("console.provider.client_secret_file", &c.Console.Provider.ClientSecretFile)
	}
	for i := range c.Admin.Tokens {
		visit(item("admin.tokens", i)+".file", &c.Admin.Tokens[i].File)
	}
}
