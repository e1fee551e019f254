# The key comes from a prompt or from standard input: no history and no argument holds it.
if [ -t 0 ]; then
    printf '{{ variable }}: ' >&2
    trap 'stty echo' EXIT
    trap 'exit 1' INT TERM
    stty -echo
fi
IFS= read -r key || true
[ -n "$key" ] || {
    echo '{{ variable }}: there is no key on standard input' >&2
    exit 1
}
