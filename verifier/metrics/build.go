package metrics

import (
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

const module = "github.com/curfew-project/curfew"

// buildInfo is always 1; its labels say what runs.
func buildInfo() prometheus.Collector {
	version, compiler := "unknown", "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version, compiler = moduleVersion(info), info.GoVersion
	}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "curfew_build_info", Help: "Always 1. The versions of Curfew and of Go that this verifier was built with.",
		ConstLabels: prometheus.Labels{"version": version, "go": compiler},
	}, func() float64 { return 1 })
}

// moduleVersion finds Curfew, which may be a part of another program.
func moduleVersion(info *debug.BuildInfo) string {
	if info.Main.Path == module {
		return info.Main.Version
	}
	for _, part := range info.Deps {
		if part.Path != module {
			continue
		}
		for part.Replace != nil {
			part = part.Replace
		}
		return part.Version
	}
	return "unknown"
}
