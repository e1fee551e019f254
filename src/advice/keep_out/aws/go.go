// Reads {{ variable }} from AWS Secrets Manager, where it is the secret
// {{ id }}.
//
// Region and credentials are the SDK's own: AWS_REGION, AWS_PROFILE, the role of the machine.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
)

const (
	name   = "{{ variable }}"
	secret = "{{ id }}"
)

// {{ go }} returns the key, asked for anew at each call. No error holds the key.
func {{ go }}(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return "", fmt.Errorf("%s: AWS configuration: %w", name, err)
	}
	client := secretsmanager.NewFromConfig(settings)
	answer, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{
		SecretId: aws.String(secret),
	})
	var refused smithy.APIError
	switch {
	case errors.As(err, &refused) && refused.ErrorCode() == "ResourceNotFoundException":
		return "", fmt.Errorf("%s: AWS secret %s: not found", name, secret)
	case errors.As(err, &refused) && refused.ErrorCode() == "AccessDeniedException":
		return "", fmt.Errorf("%s: AWS secret %s: access denied", name, secret)
	case err != nil:
		return "", fmt.Errorf("%s: AWS secret %s: %w", name, secret, err)
	case aws.ToString(answer.SecretString) == "":
		return "", fmt.Errorf("%s: AWS secret %s holds no text", name, secret)
	}
	return *answer.SecretString, nil
}

func main() {
	key, err := {{ go }}(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stderr, "%s: %d characters\n", name, len(key))
}
