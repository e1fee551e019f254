"""A stand-in for CyberArk Conjur, which no package registry has: what its OpenAPI description says of
logging in, reading and writing secrets, and loading a policy, over TLS only.

    conjur.py CERTIFICATE KEY

Prints one line of JSON (port, account, logins with their API keys), and ends with its standard input. It
refuses what Conjur would not understand: identifiers that are not encoded, a token in another form, a body
of another type. Who may read is what the loaded policy permits.
"""

import base64
import json
import re
import secrets
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import yaml

ACCOUNT = "acme"
LOGINS = {login: secrets.token_hex(24) for login in ("admin", "host/app", "host/other")}
TOKENS = {}
VALUES = {}
POLICY = {"variables": set(), "permits": set()}

AUTHENTICATE = re.compile(rf"/authn/{ACCOUNT}/([^/]+)/authenticate")
SECRET = re.compile(rf"/secrets/{ACCOUNT}/variable/([^/]+)")
LOAD = re.compile(rf"/policies/{ACCOUNT}/policy/root")


class Loader(yaml.SafeLoader):
    """Policy as YAML: tags name the kinds of things."""


def thing(loader, kind, node):
    if isinstance(node, yaml.MappingNode):
        return {"kind": kind, **loader.construct_mapping(node, deep=True)}
    return {"kind": kind, "id": loader.construct_scalar(node)}


Loader.add_multi_constructor("!", thing)


def load(statements, prefix=""):
    """Adds a policy's statements; an unknown one is a KeyError."""
    for one in statements:
        match one["kind"]:
            case "policy":
                load(one["body"], f"{prefix}{one['id']}/")
            case "variable":
                POLICY["variables"].add(prefix + one["id"])
            case "permit":
                role, resource = one["role"], one["resource"]
                login = {"host": f"host/{role['id']}", "user": role["id"]}[role["kind"]]
                if login not in LOGINS or resource["id"] not in POLICY["variables"]:
                    raise KeyError(login)
                for privilege in one["privileges"]:
                    POLICY["permits"].add((login, privilege, prefix + resource["id"]))
            case other:
                raise KeyError(other)


class Conjur(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def login(self):
        """Who asks, by the token in the header."""
        match = re.fullmatch(r'Token token="([A-Za-z0-9+/=]+)"', self.headers.get("Authorization", ""))
        return match and TOKENS.get(match[1])

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def do_POST(self):
        body = self.body()
        content_type = self.headers.get("Content-Type", "")
        if match := AUTHENTICATE.fullmatch(self.path):
            expected = LOGINS.get(unquote(match[1]))
            if expected is None or not secrets.compare_digest(body, expected.encode()):
                return self.answer(401)
            token = json.dumps({"protected": secrets.token_hex(8), "payload": secrets.token_hex(40)}).encode()
            encoded = base64.b64encode(token)
            TOKENS[encoded.decode()] = unquote(match[1])
            if self.headers.get("Accept-Encoding") == "base64":
                return self.answer(200, encoded, Content_Encoding="base64", Content_Type="text/plain")
            return self.answer(200, token, Content_Type="application/json")
        if self.login() is None:
            return self.answer(401)
        if self.login() != "admin":
            return self.answer(403)
        if LOAD.fullmatch(self.path):
            if content_type not in ("text/yaml", "text/x-yaml", "application/x-yaml", "text/plain"):
                return self.answer(422)
            try:
                load(yaml.load(body, Loader))
            except (KeyError, TypeError, yaml.YAMLError):
                return self.answer(422)
            return self.answer(201, b'{"created_roles": {}, "version": 1}')
        if match := SECRET.fullmatch(self.path):
            if unquote(match[1]) not in POLICY["variables"] or content_type != "application/octet-stream":
                return self.answer(422)
            VALUES[unquote(match[1])] = body
            return self.answer(201)
        return self.answer(404)

    def do_GET(self):
        match = SECRET.fullmatch(self.path)
        if match is None:
            return self.answer(404)
        login, variable = self.login(), unquote(match[1])
        if login is None:
            return self.answer(401)
        if variable not in POLICY["variables"] or (login == "admin" and variable not in VALUES):
            return self.answer(404)
        if login != "admin" and (login, "execute", variable) not in POLICY["permits"]:
            return self.answer(403)
        return self.answer(200, VALUES[variable], Content_Type="text/plain")

    def log_message(self, *_):
        """Standard error is for errors."""


def main(certificate, key):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Conjur)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ready = {"url": f"https://localhost:{server.server_port}", "account": ACCOUNT, "logins": LOGINS}
    print(json.dumps(ready), flush=True)
    sys.stdin.read()


main(*sys.argv[1:])
