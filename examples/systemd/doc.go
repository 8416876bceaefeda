// Package systemd is the unit of a verifier that runs as a service, and the configuration that goes with it. It has no code.
package systemd
