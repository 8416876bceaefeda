// Command herd shows when a million pages come to their verifiers: after an outage, a deploy, a start of work, a change of the settings, and
// while there is not enough to answer them all. The pages are the agent's own core in virtual time, from a seed. The verifiers are a model that
// judges by the shared rules and steers by verifier/steer and verifier/shed, without keys, proofs and stores.
//
// Each simulated page stands for as many as it takes to make up the population, so a few thousand show what a million do, with more noise:
//
//	go run ./wasm/sim/herd -pages 1000000
package main
