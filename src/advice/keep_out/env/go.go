// Reads {{ variable }} from the environment.
//
// The file that {{ variable }}_FILE names goes first: Docker, Compose and
// Kubernetes mount a secret as a file, and a file is not handed on to child processes.
package main

import (
	"fmt"
	"os"
	"strings"
)

const name = "{{ variable }}"

// {{ go }} returns the key, without the line break that files end with.
// No error holds the key.
func {{ go }}() (string, error) {
	key, set := os.LookupEnv(name)
	source := "the variable"
	if path := os.Getenv(name + "_FILE"); path != "" {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("%s: cannot read the file: %w", name, err)
		}
		key = strings.TrimRight(string(content), "\r\n")
		source = "the file " + path
	} else if !set {
		return "", fmt.Errorf("%s: neither %s nor %s_FILE is set", name, name, name)
	}
	if key == "" {
		return "", fmt.Errorf("%s: %s is empty", name, source)
	}
	return key, nil
}

func main() {
	key, err := {{ go }}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stderr, "%s: %d characters\n", name, len(key))
}
