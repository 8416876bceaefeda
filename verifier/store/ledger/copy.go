package ledger

import "context"

// Copy writes what is durable in the ledger at path into a new file, while a verifier may be running. Its errors are
// *sqlitefile.FileError, or ctx's.
func Copy(ctx context.Context, path, to string) error {
	file, err := kind.At(path)
	if err != nil {
		return err
	}
	return file.CopyTo(ctx, to, func(int) []string { return []string{"revisions", "chain_ends", "entries"} })
}
