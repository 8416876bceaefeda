package redis

// WithPartitions makes a small layout, whose every partition a test can look at quickly.
func (o Options) WithPartitions(n int) Options {
	o.partitions = n
	return o
}
