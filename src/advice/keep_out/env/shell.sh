#!/bin/sh
# {{ variable }} from the environment. Run it to see whether the key is there, or
# take it into a script:
#     . ./{{ file }}
#     key=$({{ snake }}) || exit 1
# The file that {{ variable }}_FILE names goes first: Docker, Compose and
# Kubernetes mount a secret as a file, and a file is not handed on to child processes.

# Prints the key, without the line break that files end with.
{{ snake }}() (
    name={{ variable }}
    fail() {
        echo "$name: $1" >&2
        exit 1
    }
    file=${ {{- variable }}_FILE:-}
    if [ -n "$file" ]; then
        key=$(cat -- "$file" 2>/dev/null) || fail "cannot read $file"
        [ -n "$key" ] || fail "the file $file is empty"
    else
        [ -n "${ {{- variable }}+set}" ] || fail "neither $name nor ${name}_FILE is set"
        key=${{ variable }}
        [ -n "$key" ] || fail "the variable is empty"
    fi
    printf '%s\n' "$key"
)

if [ "${0##*/}" = {{ file }} ]; then
    key=$({{ snake }}) || exit 1
    {% raw %}length=${#key}{% endraw %}
    echo "{{ variable }}: $length characters" >&2
fi
