//! Keys that are not written as they are: in base64, hex, percent signs, UTF-16, escapes, and one in the
//! other, encoded by the tools that do it everywhere.

use std::sync::LazyLock;

use super::place::{At, Place, at, check, key};
use super::workshop::Workshop;

pub(super) static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let mut places = base64();
    places.extend(kubernetes());
    places.extend(other_alphabets());
    places.extend(wide());
    places.extend(escapes());
    places.extend(split());
    places.extend(in_each_other());
    places.push(kubeconfig());
    places.extend(private_keys());
    places
});

/// What a script prints, which has the key of the name in `$KEY`.
fn made(name: &str, script: &str, at: At) -> Place {
    let shop = Workshop::new();
    shop.write("key", key(name)).plant("text", name);
    let bytes = shop.run(&format!("KEY=$(cat key); ({script}) > out")).read("out");
    assert!(memchr::memmem::find(&bytes, key(name).as_bytes()).is_none(), "{name} is not hidden");
    Place::new(&format!("srv/{name}"), bytes).holds(name, at)
}

fn base64() -> Vec<Place> {
    let one = || at().decoded(&["base64"]);
    vec![
        made("base64", "base64 -w0 key", one().line(1)),
        made("base64 in a setting", "echo '# settings'; echo \"TOKEN_B64=$(base64 -w0 key)\"", one().line(2)),
        made(
            "base64 in JSON",
            "echo '{'; echo \"  \\\"token\\\": \\\"$(base64 -w0 key)\\\"\"; echo '}'",
            one().line(2),
        ),
        made("base64 of text", "base64 -w0 text", one()),
        made("base64 wrapped at 76", "base64 text", one()),
        made("base64 wrapped at 64", "openssl base64 -in text", one()),
        made("base64 wrapped, CRLF", "base64 text | sed 's/$/\\r/'", one()),
        made("base64 without padding", "printf %s \"ab:$KEY\" | base64 -w0 | tr -d =", one().line(1)),
        made(
            "base64url",
            // Bytes that make both letters in which the alphabets differ.
            "python3 -c 'import base64; print(base64.urlsafe_b64encode(b\"~~~???>>> \" + open(\"key\", \"rb\").read()).decode())'",
            at().decoded(&["base64url"]).line(1),
        ),
        made("base64 after a user", "printf %s \"dev:$KEY\" | base64 -w0", one().line(1)),
        made("base64 after two letters", "printf %s \"me:$KEY\" | base64 -w0", one().line(1)),
        made(
            "base64 in a data URL",
            "echo \"<a href='data:text/plain;base64,$(base64 -w0 text)'>\"",
            one().line(1),
        ),
        made(
            "base64 in a basic header",
            "echo \"Authorization: Basic $(printf %s \"dev:$KEY\" | base64 -w0)\"",
            one().line(1),
        ),
        made(
            "base64 in a docker config",
            "printf '{\\n \"auths\": {\\n  \"ghcr.io\": { \"auth\": \"%s\" }\\n }\\n}\\n' $(printf %s \"dev:$KEY\" | base64 -w0)",
            at().anyhow().line(3),
        ),
        made("base64 far into a blob", "(head -c 30000 /bin/true; echo; cat text) | base64 -w0", one()),
        made("base64 far into a wrapped blob", "(head -c 30000 /bin/true; echo; cat text) | base64", one()),
        made(
            "base64 in XML, indented",
            "echo '<data>'; base64 text | sed 's/^/    /'; echo '</data>'",
            one(),
        ),
        made(
            "base64 in a shell script",
            "echo '#!/bin/sh'; echo \"echo $(base64 -w0 text) | base64 -d\"",
            one().line(2),
        ),
    ]
}

fn kubernetes() -> Vec<Place> {
    let secret = "printf 'apiVersion: v1\\nkind: Secret\\ndata:\\n  token: %s\\n'";
    vec![
        made("kubernetes Secret", &format!("{secret} $(base64 -w0 key)"), at().decoded(&["base64"]).line(4)),
        made(
            "kubernetes Secret, folded",
            "printf 'kind: Secret\\ndata:\\n  token: >-\\n'; base64 -w40 text | sed 's/^/    /'",
            at().decoded(&["base64"]),
        ),
        made(
            "helm release",
            &format!(
                "printf '{{\"name\":\"app\",\"manifest\":\"token: %s\\\\n\"}}' $KEY > json
                 {secret} $(gzip -9c json | base64 -w0 | base64 -w0) | sed 's/token:/release:/'"
            ),
            at().decoded(&["base64", "base64", "gzip"]).line(1),
        ),
        made("gzip in base64", "gzip -c text | base64 -w0", at().decoded(&["base64", "gzip"])),
        made(
            "gzip in wrapped base64",
            "cat text /etc/services | gzip -9c | base64",
            at().decoded(&["base64", "gzip"]),
        ),
        made(
            "cloud-init",
            "echo '#cloud-config'; echo \"content: !!binary $(gzip -c text | base64 -w0)\"",
            at().decoded(&["base64", "gzip"]),
        ),
    ]
}

fn other_alphabets() -> Vec<Place> {
    let hex = || at().decoded(&["hex"]);
    let percent = || at().decoded(&["url"]);
    vec![
        made("hex", "xxd -p key | tr -d '\\n'", hex().line(1)),
        made("hex in upper case", "xxd -p -u key | tr -d '\\n'", hex().line(1)),
        made(
            "hex in a setting",
            "echo; echo \"token_hex = \\\"$(xxd -p key | tr -d '\\n')\\\"\"",
            hex().line(2),
        ),
        made("hex in wrapped lines", "xxd -p text", hex()),
        made("hex with 0x in front", "echo \"SECRET=0x$(xxd -p key | tr -d '\\n')\"", hex().line(1)),
        made(
            "hex in PostgreSQL's form",
            "echo \"INSERT INTO t VALUES ('\\\\\\\\x$(xxd -p key | tr -d '\\n')');\"",
            hex().line(1),
        ),
        made("percent, all of it", "xxd -p key | tr -d '\\n' | sed 's/../%&/g'", percent().line(1)),
        made(
            "percent, in lower case",
            "xxd -p -u key | tr 'A-F' 'a-f' | tr -d '\\n' | sed 's/../%&/g'",
            percent().line(1),
        ),
        made(
            "percent, what need not be",
            "echo \"https://corp.test/?a=1&token=$(sed 's/_/%5F/' key)&b=2\"",
            percent().line(1),
        ),
        made(
            "percent, in a text",
            "echo one; python3 -c 'import urllib.parse; print(urllib.parse.quote(open(\"text\").read()).replace(\"_\", \"%5f\"))'",
            percent(),
        ),
    ]
}

fn wide() -> Vec<Place> {
    let wide =
        |name: &str, script: &str, encoding: &str| made(name, script, at().decoded(&[encoding]).line(2));
    vec![
        wide("utf-16 with a mark", "iconv -f utf-8 -t utf-16 text", "utf-16le"),
        wide("utf-16le", "iconv -f utf-8 -t utf-16le text", "utf-16le"),
        wide("utf-16be", "iconv -f utf-8 -t utf-16be text", "utf-16be"),
        wide("utf-16be with a mark", "printf '\\xfe\\xff'; iconv -f utf-8 -t utf-16be text", "utf-16be"),
        wide("utf-16, CRLF", "sed 's/$/\\r/' text | iconv -f utf-8 -t utf-16", "utf-16le"),
        made(
            "utf-16 at an odd offset",
            "printf '\\x01\\x02\\x03'; printf %s $KEY | iconv -t utf-16le; head -c 5 /dev/zero",
            at().decoded(&["utf-16le"]),
        ),
    ]
}

/// How the escapes are called is not laid down: it is one of them.
fn escapes() -> Vec<Place> {
    let any = || at().anyhow().line(1);
    vec![
        made("escape of JSON", "printf '{\"token\":\"\\\\u0067hp\\\\u005f%s\"}\\n' ${KEY#ghp_}", any()),
        made(
            "escapes of JSON only",
            "python3 -c 'print(\"\\\"\" + \"\".join(\"\\\\u%04x\" % ord(c) for c in open(\"key\").read()) + \"\\\"\")'",
            any(),
        ),
        made(
            "escapes of C in hex",
            "printf 'char t[] = \"'; xxd -p key | tr -d '\\n' | sed 's/../\\\\x&/g'; echo '\";'",
            any(),
        ),
        made(
            "escapes of C in octal",
            "python3 -c 'print(\"\\\"\" + \"\".join(\"\\\\%03o\" % ord(c) for c in open(\"key\").read()) + \"\\\"\")'",
            any(),
        ),
    ]
}

/// Strings that a language puts together when it is compiled.
fn split() -> Vec<Place> {
    let any = || at().anyhow();
    vec![
        made("split in python", "printf 'T = (\"%s\"\\n     \"%s\")\\n' ${KEY:0:20} ${KEY:20}", any()),
        made(
            "split in javascript",
            "printf 'const t = \"%s\" +\\n  \"%s\";\\n' ${KEY:0:17} ${KEY:17}",
            any(),
        ),
        made("split in java", "printf 'String t = \"%s\"\\n    + \"%s\";\\n' ${KEY:0:13} ${KEY:13}", any()),
        made(
            "split in php",
            "printf '<?php $t = \\x27%s\\x27 .\\n  \\x27%s\\x27;\\n' ${KEY:0:30} ${KEY:30}",
            any(),
        ),
        made("split in a shell", "printf 'T=%s\\\\\\n%s\\n' ${KEY:0:24} ${KEY:24}", any()),
    ]
}

/// Two rounds.
fn in_each_other() -> Vec<Place> {
    vec![
        made("base64 twice", "base64 -w0 key | base64 -w0", at().decoded(&["base64", "base64"]).line(1)),
        made(
            "utf-16 in base64",
            "iconv -t utf-16le text | base64 -w0",
            at().decoded(&["base64", "utf-16le"]),
        ),
        made(
            "base64 in utf-16",
            "base64 -w0 key | iconv -t utf-16le",
            at().decoded(&["utf-16le", "base64"]).line(1),
        ),
        made(
            "percent around base64",
            "printf %s \"dev:me:$KEY\" | base64 -w0 | sed 's/=/%3D/g; s/^/auth%3D/'",
            at().decoded(&["base64"]).anyhow(),
        ),
        made(
            "hex in base64",
            "xxd -p key | tr -d '\\n' | base64 -w0",
            at().decoded(&["base64", "hex"]).line(1),
        ),
        made(
            "base64 in hex",
            "base64 -w0 key | xxd -p | tr -d '\\n'",
            at().decoded(&["hex", "base64"]).line(1),
        ),
    ]
}

/// A client's key, as kubectl keeps it: base64 of PEM.
fn kubeconfig() -> Place {
    let shop = Workshop::new();
    let name = "kubeconfig";
    shop.run("openssl genpkey -algorithm ed25519 -out pem && grep -v -- ---- pem | base64 -d > der");
    shop.write(
        "config",
        format!("apiVersion: v1\nkind: Config\nusers:\n- name: dev\n  user:\n    token: {}\n", key(name)),
    );
    let bytes = shop.run("echo \"    client-key-data: $(base64 -w0 pem)\" >> config").read("config");
    Place::new("root/.kube/config", bytes).holds(name, at().line(6)).holds_secret(
        "kubeconfig, key",
        "kubeconfig-credential",
        &shop.read("der"),
        at().anyhow().line(7),
    )
}

/// The detector of keys in PEM; their canonical form is DER.
const PRIVATE_KEY: &str = "pem-private-key";

fn private_keys() -> Vec<Place> {
    let scripts = [("PEM in base64", "base64 -w0 pem"), ("PEM in wrapped base64", "base64 pem")];
    let place = |(name, script): &(&str, &str)| {
        let shop = Workshop::new();
        shop.run("openssl genpkey -quiet -algorithm rsa -out pem && grep -v -- ---- pem | base64 -d > der");
        let bytes = shop.run(&format!("{script} > out")).read("out");
        let at = at().decoded(&["base64"]);
        Place::new(&format!("srv/{name}"), bytes).holds_secret(name, PRIVATE_KEY, &shop.read("der"), at)
    };
    scripts.iter().map(place).collect()
}

#[test]
fn in_encodings() {
    check(&PLACES);
}
