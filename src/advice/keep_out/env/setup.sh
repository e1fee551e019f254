#!/bin/sh
# Keeps {{ variable }} in a file that only you can read. It prints the line for
# your profile that names this file to programs.
set -eu
{{ read_key }}
folder=${XDG_CONFIG_HOME:-$HOME/.config}/{{ path }}
umask 077
mkdir -p "$folder"
rm -f "$folder/{{ field }}"
printf '%s\n' "$key" >"$folder/{{ field }}"
echo "export {{ variable }}_FILE='$folder/{{ field }}'"
