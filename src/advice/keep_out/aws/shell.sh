#!/bin/sh
# {{ variable }} from AWS Secrets Manager, where it is the secret {{ id }}.
# Run it to see whether the key is there, or take it into a script:
#     . ./{{ file }}
#     key=$({{ snake }}) || exit 1
# Region and credentials are the AWS CLI's own: AWS_REGION, AWS_PROFILE, the role of the machine.

# Prints the key, asked for anew at each call.
{{ snake }}() (
    secret={{ id }}
    fail() {
        echo "{{ variable }}: AWS secret $secret: $1" >&2
        exit 1
    }
    problem=$(mktemp) || exit 1
    trap 'rm -f "$problem"' EXIT
    key=$(AWS_PAGER='' aws secretsmanager get-secret-value --secret-id "$secret" \
        --query SecretString --output text ${AWS_REGION:+--region "$AWS_REGION"} \
        --cli-connect-timeout 10 --cli-read-timeout 10 2>"$problem") ||
        case $(cat "$problem") in
            *ResourceNotFoundException*) fail 'not found' ;;
            *AccessDeniedException*) fail 'access denied' ;;
            *) fail "$(grep . "$problem" | tail -n 1)" ;;
        esac
    case $key in '' | None) fail 'it holds no text' ;; esac
    printf '%s\n' "$key"
)

if [ "${0##*/}" = {{ file }} ]; then
    key=$({{ snake }}) || exit 1
    {% raw %}length=${#key}{% endraw %}
    echo "{{ variable }}: $length characters" >&2
fi
