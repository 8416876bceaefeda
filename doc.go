// Package curfew is the root of the project and holds no code: see README.md for what Curfew is and RATIONALE.md for why it
// is built as it is. Its test keeps the import table of the architecture.
package curfew
