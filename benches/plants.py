"""Makes up keys, plants them in an image that is being made, and writes down which and where.

    python3 benches/plants.py STEP ROOT SITE PLANTS.json

STEP is a step of benches/image.sh. The keys of base, packages, application, log and cleanup go into files below
ROOT; SITE is where its Python packages are. Of argument, env, label and cmd the key is printed: it belongs into
the image's history or config. Keys are random, with right checksums where their kind has one, and open nothing.

All are of kinds that every scanner of benches/peers.py knows and finds in quotes in a plain file. So one that is
not found says something about its place, not about its kind.
"""

import base64
import gzip
import io
import json
import lzma
import os
import secrets
import shutil
import sqlite3
import string
import struct
import subprocess
import sys
import tarfile
import uuid
import zipfile
import zlib
from pathlib import Path

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
LAYERS = ("base", "packages", "application", "log", "cleanup")
MIB = 1024 * 1024


def some(count, alphabet=BASE62):
    return "".join(secrets.choice(alphabet) for _ in range(count))


def checked(count):
    """Random characters, and their CRC-32 in six digits of base 62, as GitHub's and npm's tokens have it."""
    body = some(count)
    check, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        check, digit = divmod(check, 62)
        digits = BASE62[digit] + digits
    return body + digits


def macaroon():
    """PyPI's tokens: a location, an identifier, a caveat, a signature of 32 bytes."""
    identifier, caveat = str(uuid.uuid4()).encode(), b'{"version": 1, "permissions": "user"}'
    packets = b"\x02\x01\x08pypi.org\x02" + bytes([len(identifier)]) + identifier
    packets += b"\x00\x02" + bytes([len(caveat)]) + caveat + b"\x00\x00\x06\x20" + secrets.token_bytes(32)
    return base64.urlsafe_b64encode(packets).decode().rstrip("=")


# How a key of each kind is made, and what trivy, which masks keys, calls it.
KINDS = {
    "github": (lambda: "ghp" + "_" + checked(30), "github-pat"),
    "oauth": (lambda: "gho" + "_" + checked(30), "github-oauth"),
    "npm": (lambda: "npm" + "_" + checked(30), "npm-access-token"),
    "pypi": (lambda: "pypi" + "-" + macaroon(), "pypi-upload-token"),
    "gitlab": (lambda: "glpat" + "-" + some(20), "gitlab-pat"),
    "slack": (
        lambda: "-".join(["xoxb", some(12, "123456789"), some(13, "123456789"), some(24)]),
        "slack-access-token",
    ),
    "stripe": (lambda: "_".join(["sk", "live", some(24)]), "stripe-secret-token"),
    "sendgrid": (lambda: ".".join(["SG", some(22), some(43)]), "sendgrid-api-token"),
    "shopify": (lambda: "shpat" + "_" + some(32, "0123456789abcdef"), "shopify-token"),
    "huggingface": (lambda: "hf" + "_" + some(34, string.ascii_letters), "hugging-face-access-token"),
    # Scanners differ in which half of the pair they call the key.
    "aws": (
        lambda: "AKIA" + some(1, "QRSTUVWXYZ") + some(15, string.ascii_uppercase + "234567")
        + "\n" + some(40, BASE62 + "+/"),
        "aws-access-key-id",
    ),
}


def text(template):
    return lambda key: template.replace("{key}", key).encode()


def settings(key):
    return f"# settings of the service\nPORT=8080\nSERVICE_TOKEN={key}\nLOG_LEVEL=info\n".encode()


def pair(key):
    identifier, secret = key.split("\n")
    return f"[default]\naws_access_key_id = {identifier}\naws_secret_access_key = {secret}\n".encode()


def tar(members, compression):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:" + compression) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def jar(key):
    manifest = b"Manifest-Version: 1.0\r\nMain-Class: shop.Main\r\n\r\n"
    properties = f"server.port=8080\nservice.token={key}\n".encode()
    return zipped({"META-INF/MANIFEST.MF": manifest, "application.properties": properties})


def deb(key):
    control = tar({"./control": b"Package: shop\nVersion: 1\nArchitecture: all\nDescription: shop\n"}, "gz")
    data = tar({"./etc/shop/service.conf": settings(key)}, "xz")
    members = {"debian-binary": b"2.0\n", "control.tar.gz": control, "data.tar.xz": data}
    out = b"!<arch>\n"
    for name, content in members.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        out += b"\n" * (len(content) % 2)
    return out


def docker_login(key):
    auth = base64.b64encode(f"ci:{key}".encode()).decode()
    return json.dumps({"auths": {"ghcr.io": {"auth": auth}}}, indent=2).encode()


def kubernetes(key):
    value = base64.b64encode(key.encode()).decode()
    return f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: shop\ntype: Opaque\ndata:\n  token: {value}\n".encode()


def state(key):
    attributes = {"name": "deploy", "token": key, "scopes": ["api"]}
    resource = {"mode": "managed", "type": "gitlab_access_token", "instances": [{"attributes": attributes}]}
    return json.dumps({"version": 4, "serial": 7, "resources": [resource]}, indent=2).encode()


def lock(key):
    package = {"version": "1.0.0", "resolved": f"git+https://ci:{key}@github.com/acme/ui.git#5f2a"}
    return json.dumps({"lockfileVersion": 3, "packages": {"node_modules/ui": package}}, indent=2).encode()


def straddling(key):
    line = b"2026-01-01T00:00:00 DEBUG nothing to see in this line\n"
    before = (line * (MIB // len(line) + 1))[: MIB - 20 - len(b"\ntoken=")]
    return before + b"\ntoken=" + key.encode() + b"\n" + line * 100


def picture(key):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    comment = chunk(b"tEXt", b"Comment\x00uploaded with " + key.encode())
    return b"\x89PNG\r\n\x1a\n" + head + comment + chunk(b"IDAT", zlib.compress(b"\x00\x00")) + chunk(b"IEND", b"")


def bytecode(path, key):
    source = path.with_suffix(".py")
    source.write_text(f'"""Settings."""\nBILLING_KEY = "{key}"\n')
    subprocess.run([sys.executable, "-c", "import py_compile, sys; py_compile.compile(sys.argv[1], sys.argv[2])",
                    source, path], check=True)
    source.unlink()


def database(path, key):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE integration (id INTEGER PRIMARY KEY, name TEXT, token TEXT)")
        rows = [(number, f"integration {number}", f"none {number}") for number in range(200)]
        connection.executemany("INSERT INTO integration VALUES (?, ?, ?)", rows)
        connection.execute("UPDATE integration SET token = ? WHERE id = 120", (key,))


def program(path, key):
    source = f'#include <stdio.h>\nconst char token[] = "{key}";\nint main(void) {{ return puts(token) < 0; }}\n'
    subprocess.run(["cc", "-x", "c", "-o", path, "-"], input=source.encode(), check=True)


def named(path, key):
    (path / f"session-{key}").write_bytes(b"open\n")


def link(path, key):
    path.symlink_to(f"https://ci:{key}@github.com/acme/shop.git")


def last_line(path, key):
    with open(path, "ab") as log:
        log.write(f"2026-01-01T23:59:59 WARN retry with token={key}\n".encode())


ENV = text("PORT=8080\nSERVICE_TOKEN={key}\nLOG_LEVEL=info\n")
SCRIPT = text('"use strict";\nconst token = "{key}";\nmodule.exports = { token };\n')
PYTHON = text('PORT = 8080\nTOKEN = "{key}"\n')
APP = "srv/app/"

# The step that plants, the place in words, the kind of key, the file (where {site} stands for SITE) and what writes
# it: a function of the key that gives the content, or one of path and key that writes the file by itself.
PLANTS = [
    ("base", "plain file of the base image", "github", "etc/profile.d/registry.sh",
        text("export SERVICE_TOKEN={key}\n")),
    ("packages", "below `lib/python3`, no package's file", "github", "{site}/corpapp/settings.py", PYTHON),
    ("packages", "below `node_modules`, no package's file", "oauth", APP + "node_modules/@corp/sdk/config.js", SCRIPT),
    ("packages", "below `/usr/lib`", "github", "usr/lib/shop/service.conf", settings),
    ("packages", "below `/usr/share`", "gitlab", "usr/share/shop/service.conf", settings),
    ("packages", "below `vendor/`", "github", APP + "vendor/github.com/corp/sdk/config.go",
        text('package sdk\n\nconst Token = "{key}"\n')),
    ("application", "`.env`", "stripe", APP + ".env", ENV),
    ("application", "YAML", "slack", APP + "config/settings.yml", text('port: 8080\ntoken: "{key}"\nlevel: info\n')),
    ("application", "JavaScript", "npm", APP + "config/publish.js", SCRIPT),
    ("application", "Python", "huggingface", APP + "models.py", PYTHON),
    ("application", "`.npmrc`", "github", "root/.npmrc", text("//npm.pkg.github.com/:_authToken={key}\n")),
    ("application", "`.netrc`", "oauth", "root/.netrc", text("machine github.com\n  login ci\n  password {key}\n")),
    ("application", "`.pypirc`", "pypi", "root/.pypirc", text("[pypi]\nusername = __token__\npassword = {key}\n")),
    ("application", "AWS `credentials`", "aws", "root/.aws/credentials", pair),
    ("application", "shell history", "gitlab", "root/.bash_history",
        text("ls -l\ncurl -H 'PRIVATE-TOKEN: {key}' https://gitlab.acme.dev/api/v4/projects\nexit\n")),
    ("application", "`.git/config`", "github", APP + ".git/config",
        text('[remote "origin"]\n\turl = https://ci:{key}@github.com/acme/shop.git\n')),
    ("application", "Terraform state", "gitlab", APP + "terraform.tfstate", state),
    ("application", "`package-lock.json`", "github", APP + "package-lock.json", lock),
    ("application", "`README.md`", "sendgrid", APP + "README.md",
        text("# Shop\n\nTo send mail, set `SENDGRID={key}`.\n")),
    ("application", "below `tests/`", "github", APP + "tests/service.conf", settings),
    ("application", "below `examples/`", "github", APP + "examples/service.conf", settings),
    ("application", "minified script", "shopify", APP + "static/jquery.min.js",
        lambda key: b"a.b(c,1);" * 20000 + f'd({{token:"{key}"}});'.encode()),
    ("application", "SVG", "github", APP + "static/logo.svg",
        text('<svg xmlns="http://www.w3.org/2000/svg"><desc token="{key}"/></svg>\n')),
    ("application", "PNG comment", "github", APP + "static/logo.png", picture),
    ("application", "Docker login, in base64", "github", "root/.docker/config.json", docker_login),
    ("application", "Kubernetes Secret, in base64", "slack", APP + "deploy/secret.yml", kubernetes),
    ("application", "in hexadecimal", "github", APP + "config/hex.conf", lambda key: settings(key.encode().hex())),
    ("application", "UTF-16", "github", APP + "config/windows.ini",
        lambda key: settings(key).decode().encode("utf-16")),
    ("application", "member of a jar", "github", APP + "lib/shop.jar", jar),
    ("application", "member of a zip", "stripe", APP + "backup/settings.zip",
        lambda key: zipped({"app/.env": settings(key)})),
    ("application", "member of a tar.gz", "github", APP + "backup/settings.tar.gz",
        lambda key: tar({"app/.env": settings(key)}, "gz")),
    ("application", "member of a zip in a tar.gz", "github", APP + "backup/nightly.tar.gz",
        lambda key: tar({"nightly/settings.zip": zipped({"app/.env": settings(key)})}, "gz")),
    ("application", "gzip file", "github", APP + "backup/old.conf.gz", lambda key: gzip.compress(settings(key))),
    ("application", "xz file", "github", APP + "backup/older.conf.xz", lambda key: lzma.compress(settings(key))),
    ("application", "member of a .deb", "github", APP + "dist/shop.deb", deb),
    ("application", "Python bytecode", "stripe", APP + "billing.pyc", bytecode),
    ("application", "SQLite row", "github", APP + "shop.sqlite", database),
    ("application", "ELF, read-only data", "github", APP + "bin/uploader", program),
    ("application", "across a MiB boundary", "github", APP + "config/debug.txt", straddling),
    ("application", "name of a file", "github", APP + "sessions", named),
    ("application", "target of a symbolic link", "github", APP + "upstream", link),
    ("application", "deleted by a later layer", "github", APP + "deleted.conf", settings),
    ("application", "its folder deleted by a later layer", "oauth", "root/.deploy/keys/service.conf", settings),
    ("application", "overwritten by a later layer", "github", APP + "rotated.conf", settings),
    ("log", "last line of a long log", "github", APP + "log/app.log", last_line),
    ("cleanup", "what overwrote it", "github", APP + "rotated.conf", settings),
    ("argument", "build argument in the history", "stripe", None, None),
    ("env", "ENV", "github", None, None),
    ("label", "LABEL", "slack", None, None),
    ("cmd", "CMD", "sendgrid", None, None),
]


def plant(root, site, kind, path, write):
    """Makes a key, writes the file that holds it, and gives the key and the file's path in the image."""
    key = KINDS[kind][0]()
    if path is None:
        print(key)
        return key, None
    path = path.replace("{site}", site)
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    if write is named:
        file.mkdir()
    if write in (bytecode, database, program, named, link, last_line):
        write(file, key)
    else:
        file.write_bytes(write(key))
    return key, path


def main(step, root, site, record):
    root, record = Path(root), Path(record)
    plants = json.loads(record.read_text()) if record.exists() else []
    if step == "cleanup":
        (root / APP / "deleted.conf").unlink()
        shutil.rmtree(root / "root/.deploy")
    for planting, place, kind, path, write in PLANTS:
        if planting == step:
            key, path = plant(root, site, kind, path, write)
            layer = LAYERS.index(step) if path else None
            keys, rule = key.split("\n"), KINDS[kind][1]
            plants.append({"place": place, "path": path, "layer": layer, "keys": keys, "trivy": rule})
    # Who knows no mask could take these for real ones.
    with open(os.open(record, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(plants, file, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
