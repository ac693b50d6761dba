// Command grafana reads a dashboard by the types that Grafana publishes for its JSON. It refuses unknown, missing and mistyped fields.
package main

import (
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	plugins.RegisterDefaultPlugins() // so that the options of panels and the queries are checked as well
	if refusal := check(os.Args[1]); refusal != "" {
		fmt.Fprintln(os.Stderr, refusal)
		os.Exit(1)
	}
}

// check returns what is wrong with the dashboard in a file, a line each; empty if nothing is.
func check(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	var board dashboard.Dashboard
	// The strict reader returns an error without a text where it found nothing.
	if err := board.UnmarshalJSONStrict(content); err != nil && err.Error() != "" {
		return err.Error()
	}
	if err := board.Validate(); err != nil {
		return err.Error()
	}
	return ""
}
