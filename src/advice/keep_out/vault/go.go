// Reads {{ variable }} from HashiCorp Vault or OpenBao (KV version 2).
//
// It is the field {{ field }} of {{ path }} in the mount "secret". Where
// Vault is, and the token: VAULT_ADDR, VAULT_NAMESPACE, VAULT_TOKEN, VAULT_TOKEN_FILE.
// A certificate authority of your own: SSL_CERT_FILE.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	name   = "{{ variable }}"
	secret = "secret/data/{{ path }}"
	field  = "{{ field }}"
)

// token finds Vault's token: of the environment, of an agent's file, or of the last "vault login".
func token() string {
	if token := os.Getenv("VAULT_TOKEN"); token != "" {
		return token
	}
	file := os.Getenv("VAULT_TOKEN_FILE")
	if file == "" {
		file = os.Getenv("HOME") + "/.vault-token"
	}
	content, _ := os.ReadFile(file)
	return strings.TrimSpace(string(content))
}

// {{ go }} returns the key, asked for anew at each call. No error holds the key.
func {{ go }}(ctx context.Context) (string, error) {
	address, token := os.Getenv("VAULT_ADDR"), token()
	if address == "" || token == "" {
		return "", fmt.Errorf("%s: VAULT_ADDR or VAULT_TOKEN is not set", name)
	}
	url := strings.TrimRight(address, "/") + "/v1/" + secret
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("%s: VAULT_ADDR: %w", name, err)
	}
	request.Header.Set("X-Vault-Token", token)
	request.Header.Set("X-Vault-Request", "true")
	if namespace := os.Getenv("VAULT_NAMESPACE"); namespace != "" {
		request.Header.Set("X-Vault-Namespace", namespace)
	}
	response, err := (&http.Client{Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		return "", fmt.Errorf("%s: no answer from Vault: %w", name, err)
	}
	defer response.Body.Close()
	var body struct{ Data struct{ Data map[string]any } }
	switch {
	case response.StatusCode == http.StatusForbidden:
		return "", fmt.Errorf("%s: %s in Vault: access denied", name, secret)
	case response.StatusCode == http.StatusNotFound:
		return "", fmt.Errorf("%s: %s in Vault: not found", name, secret)
	case response.StatusCode != http.StatusOK:
		return "", fmt.Errorf("%s: %s in Vault: %s", name, secret, response.Status)
	case json.NewDecoder(response.Body).Decode(&body) != nil:
		return "", fmt.Errorf("%s: %s does not answer as Vault does", name, address)
	}
	key, _ := body.Data.Data[field].(string)
	if key == "" {
		return "", fmt.Errorf("%s: %s in Vault has no text in the field %s", name, secret, field)
	}
	return key, nil
}

func main() {
	key, err := {{ go }}(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stderr, "%s: %d characters\n", name, len(key))
}
