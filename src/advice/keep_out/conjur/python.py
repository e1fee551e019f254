"""{{ variable }} from CyberArk Conjur, where it is the variable {{ id }}.

Where Conjur is, and who asks: CONJUR_APPLIANCE_URL, CONJUR_ACCOUNT, CONJUR_AUTHN_LOGIN,
CONJUR_AUTHN_API_KEY, and for a certificate of its own CONJUR_CERT_FILE or CONJUR_SSL_CERTIFICATE.
"""

import os
import ssl
import sys
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

NAME = "{{ variable }}"
VARIABLE = "{{ id }}"
REASONS = {401: "login refused", 403: "access denied", 404: "not found, or without a value"}


class MissingKeyError(RuntimeError):
    """The key could not be had. The message says why, and never holds the key."""

    def __init__(self, reason):
        super().__init__(f"{NAME}: {reason}")


def setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise MissingKeyError(f"{name} is not set")
    return value


def ask(path: str, headers: dict, body=None) -> str:
    """One answer of Conjur."""
    url = setting("CONJUR_APPLIANCE_URL").rstrip("/")
    pem = os.environ.get("CONJUR_SSL_CERTIFICATE") or None
    file = None if pem else os.environ.get("CONJUR_CERT_FILE") or None
    try:
        tls = ssl.create_default_context(cadata=pem, cafile=file)
        request = Request(f"{url}/{path}", data=body, headers=headers)
        with urlopen(request, timeout=10, context=tls) as answer:
            return answer.read().decode()
    except HTTPError as error:
        reason = REASONS.get(error.code, f"status {error.code}")
        raise MissingKeyError(f"Conjur variable {VARIABLE}: {reason}") from error
    except (OSError, ValueError) as error:
        raise MissingKeyError(f"no answer of Conjur at {url}: {error}") from error


def {{ snake }}() -> str:
    """The key, asked for anew at each call."""
    account = quote(setting("CONJUR_ACCOUNT"), safe="")
    login = quote(setting("CONJUR_AUTHN_LOGIN"), safe="")
    api_key = setting("CONJUR_AUTHN_API_KEY").encode()
    encoding = {"Accept-Encoding": "base64"}
    token = ask(f"authn/{account}/{login}/authenticate", encoding, api_key)
    headers = {"Authorization": f'Token token="{token}"'}
    key = ask(f"secrets/{account}/variable/{quote(VARIABLE, safe='')}", headers)
    if not key:
        raise MissingKeyError(f"Conjur variable {VARIABLE} is empty")
    return key


if __name__ == "__main__":
    try:
        print(f"{NAME}: {len({{ snake }}())} characters", file=sys.stderr)
    except MissingKeyError as error:
        sys.exit(str(error))
