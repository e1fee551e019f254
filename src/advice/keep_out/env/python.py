"""{{ variable }} from the environment.

The file that {{ variable }}_FILE names goes first: Docker, Compose and
Kubernetes mount a secret as a file, and a file is not handed on to child processes.
"""

import os
import sys
from pathlib import Path

NAME = "{{ variable }}"


class MissingKeyError(RuntimeError):
    """The key could not be had. The message says why, and never holds the key."""


def {{ snake }}() -> str:
    """The key, without the line break that files end with."""
    path = os.environ.get(f"{NAME}_FILE")
    if path:
        source = f"the file {path}"
        try:
            key = Path(path).read_bytes().decode().rstrip("\r\n")
        except OSError as error:
            raise MissingKeyError(f"{NAME}: cannot read {path}: {error.strerror}") from error
        except UnicodeDecodeError:
            raise MissingKeyError(f"{NAME}: {source} is not text") from None
    elif NAME in os.environ:
        source = "the variable"
        key = os.environ[NAME]
    else:
        raise MissingKeyError(f"{NAME}: neither {NAME} nor {NAME}_FILE is set")
    if not key:
        raise MissingKeyError(f"{NAME}: {source} is empty")
    return key


if __name__ == "__main__":
    try:
        print(f"{NAME}: {len({{ snake }}())} characters", file=sys.stderr)
    except MissingKeyError as error:
        sys.exit(str(error))
