// Package sim runs the agent that browsers load, under wazero, against the real verifier, in virtual time and from a seed
// (mission row D3). Its tests are named for the mission's rows and the protocol's properties.
//
// A failing test prints its seed; go test ./wasm/sim -run TestName -seed N runs it again, exactly.
package sim
