package config

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"time"
)

// Watcher notices that a configuration has changed: its file, or a file with a secret that it names, whichever way it was replaced. It
// compares what the files hold, because times and inodes tell nothing certain of mounted ones. It is not safe for concurrent use; Run does
// all of it.
type Watcher struct {
	source  Source
	changed func(Config)
	refused func(error)

	secrets []string    // the files with secrets that the last readable configuration names
	told    fingerprint // what was last told of
	seen    fingerprint // what was there at the last look
}

// fingerprint is what all files held at one moment.
type fingerprint [sha256.Size]byte

// NewWatcher makes a watcher for a configuration that was loaded from a source. changed is called with every new configuration that is
// correct and whose secrets can be read, refused once for everything else with the reason: what was there before stays in force.
func NewWatcher(source Source, inForce Config, changed func(Config), refused func(error)) *Watcher {
	w := &Watcher{source: source, changed: changed, refused: refused, secrets: inForce.secretFiles()}
	w.told = w.fingerprint(inForce.text)
	w.seen = w.told
	return w
}

// Run looks at every tick, and reloads at once at every signal, until the context ends.
func (w *Watcher) Run(ctx context.Context, ticks <-chan time.Time, signals <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
			w.Look()
		case <-signals:
			w.Reload()
		}
	}
}

// Look tells what has changed, at the second look at which it is there: a file that is being written is not half taken.
func (w *Watcher) Look() {
	text, err := w.source.read()
	now := w.fingerprint(hashText(text, err))
	settled := now == w.seen
	w.seen = now
	if settled && now != w.told {
		w.tell(text, err)
	}
}

// Reload tells what is there now, also when nothing has changed.
func (w *Watcher) Reload() {
	text, err := w.source.read()
	w.tell(text, err)
}

// tell tells what a file that has been read comes to; unread is why it could not be.
func (w *Watcher) tell(text []byte, unread error) {
	var c Config
	err := unread
	if err == nil {
		c, err = w.source.parse(text)
	}
	if err == nil {
		w.secrets = c.secretFiles() // also of one that is refused for them, so that it is taken when they are there
		if err = c.Readable(); err != nil {
			err = w.source.Named(err)
		}
	}
	w.told = w.fingerprint(hashText(text, unread))
	w.seen = w.told
	if err != nil {
		w.refused(err)
		return
	}
	w.changed(c)
}

// fingerprint adds what the secrets are to what the file is.
func (w *Watcher) fingerprint(text fingerprint) (all fingerprint) {
	h := sha256.New()
	h.Write(text[:])
	for _, path := range w.secrets {
		one := hashText(start(path))
		fmt.Fprintf(h, "%q", path)
		h.Write(one[:])
	}
	h.Sum(all[:0])
	return all
}

// start is the beginning of a file, which is all of a secret.
func start(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxFile))
}

// hashText stands for a text, or for why there is none.
func hashText(text []byte, err error) fingerprint {
	if err != nil {
		return sha256.Sum256([]byte("error " + err.Error()))
	}
	return sha256.Sum256(append([]byte("text "), text...))
}

// secretFiles are the files that hold secrets, and certificates.
func (c Config) secretFiles() []string {
	all := c.certificateFiles()
	c.secrets(func(_, _, file string, _ func() (string, error)) { all = append(all, file) })
	return all
}
