# The key comes from a prompt or from standard input: no history and no argument holds it.
if [ -t 0 ]; then
    trap 'stty echo' EXIT
    trap 'exit 1' INT TERM
    stty -echo
    printf '{{ variable }}: ' >&2
    IFS= read -r key || true
    stty echo
    echo >&2
else
    key=$(cat)
fi
[ -n "$key" ] || {
    echo '{{ variable }}: there is no key on standard input' >&2
    exit 1
}
