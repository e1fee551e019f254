# Calls a function of a snippet (file, function) and prints the SHA-256 of what it gives.
. "$1"
key=$("$2") || exit 1
printf %s "$key" | sha256sum | cut -c 1-64
