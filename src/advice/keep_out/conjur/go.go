// Reads {{ variable }} from CyberArk Conjur, where it is the variable
// {{ id }}.
//
// Where Conjur is, and who asks: CONJUR_APPLIANCE_URL, CONJUR_ACCOUNT, CONJUR_AUTHN_LOGIN,
// CONJUR_AUTHN_API_KEY. A certificate of its own: SSL_CERT_FILE=$CONJUR_CERT_FILE.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	name     = "{{ variable }}"
	variable = "{{ id }}"
)

var client = http.Client{Timeout: 10 * time.Second}

// ask returns one answer of Conjur.
func ask(ctx context.Context, method, path, header, value, body string) (string, error) {
	link := strings.TrimRight(os.Getenv("CONJUR_APPLIANCE_URL"), "/") + "/" + path
	request, err := http.NewRequestWithContext(ctx, method, link, strings.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("%s: CONJUR_APPLIANCE_URL: %w", name, err)
	}
	request.Header.Set(header, value)
	response, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("%s: no answer of Conjur: %w", name, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", response.Status)
	}
	if err != nil {
		return "", fmt.Errorf("%s: Conjur variable %s: %w", name, variable, err)
	}
	return string(answer), nil
}

// {{ go }} returns the key, asked for anew at each call. No error holds the key.
func {{ go }}(ctx context.Context) (string, error) {
	for _, needed := range []string{"APPLIANCE_URL", "ACCOUNT", "AUTHN_LOGIN", "AUTHN_API_KEY"} {
		if os.Getenv("CONJUR_"+needed) == "" {
			return "", fmt.Errorf("%s: CONJUR_%s is not set", name, needed)
		}
	}
	account := url.PathEscape(os.Getenv("CONJUR_ACCOUNT"))
	login := url.PathEscape(os.Getenv("CONJUR_AUTHN_LOGIN"))
	token, err := ask(ctx, http.MethodPost, "authn/"+account+"/"+login+"/authenticate",
		"Accept-Encoding", "base64", os.Getenv("CONJUR_AUTHN_API_KEY"))
	if err != nil {
		return "", err
	}
	key, err := ask(ctx, http.MethodGet, "secrets/"+account+"/variable/"+url.PathEscape(variable),
		"Authorization", `Token token="`+token+`"`, "")
	if err == nil && key == "" {
		err = fmt.Errorf("%s: Conjur variable %s is empty", name, variable)
	}
	return key, err
}

func main() {
	key, err := {{ go }}(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stderr, "%s: %d characters\n", name, len(key))
}
