//go:build race

package ledger_test

// raced says that the race detector is on, which makes SQLite 30 times slower.
const raced = true
