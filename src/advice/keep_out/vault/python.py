"""{{ variable }} from HashiCorp Vault or OpenBao (KV version 2).

It is the field {{ field }} of {{ path }} in the mount "secret". Where
Vault is, and the token: VAULT_ADDR, VAULT_CACERT, VAULT_NAMESPACE, VAULT_TOKEN, VAULT_TOKEN_FILE.
"""

import os
import sys
from pathlib import Path

import hvac
import requests

NAME = "{{ variable }}"
MOUNT, PATH, FIELD = "secret", "{{ path }}", "{{ field }}"


class MissingKeyError(RuntimeError):
    """The key could not be had. The message says why, and never holds the key."""

    def __init__(self, reason):
        super().__init__(f"{NAME}: {reason}")


def token() -> str:
    """Vault's token: of the environment, of an agent's file, or of the last "vault login"."""
    file = Path(os.environ.get("VAULT_TOKEN_FILE") or Path.home() / ".vault-token")
    try:
        return os.environ.get("VAULT_TOKEN") or file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise MissingKeyError(f"VAULT_TOKEN is not set, and {file} not readable") from error


def {{ snake }}() -> str:
    """The key, asked for anew at each call."""
    address = os.environ.get("VAULT_ADDR")
    if not address:
        raise MissingKeyError("VAULT_ADDR is not set")
    namespace = os.environ.get("VAULT_NAMESPACE")
    client = hvac.Client(url=address, token=token(), namespace=namespace, timeout=10)
    try:
        answer = client.secrets.kv.v2.read_secret_version(
            path=PATH, mount_point=MOUNT, raise_on_deleted_version=True
        )
    except hvac.exceptions.InvalidPath as error:
        raise MissingKeyError(f"{MOUNT}/{PATH} not found in Vault") from error
    except hvac.exceptions.Forbidden as error:
        raise MissingKeyError(f"Vault denies access to {MOUNT}/{PATH}") from error
    except (hvac.exceptions.VaultError, requests.RequestException) as error:
        raise MissingKeyError(f"no answer from {address}: {type(error).__name__}") from error
    key = answer["data"]["data"].get(FIELD)
    if not isinstance(key, str) or not key:
        raise MissingKeyError(f"{MOUNT}/{PATH} in Vault has no text in the field {FIELD}")
    return key


if __name__ == "__main__":
    try:
        print(f"{NAME}: {len({{ snake }}())} characters", file=sys.stderr)
    except MissingKeyError as error:
        sys.exit(str(error))
