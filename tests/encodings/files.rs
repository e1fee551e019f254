//! Files of an image.

use super::{Case, assert_found, base64_at, made, piped, text_of};
use crate::scan::key;

/// A text with a key behind `lines` lines, and where in it the key begins.
fn text(lines: usize, key: &str) -> (String, usize) {
    let before = format!("{}token: ", "some = setting\n".repeat(lines));
    let at = before.len();
    (format!("{before}{key}\nmore = of it\n"), at)
}

#[test]
fn base64_in_one_line_and_in_many() {
    let mut cases = Vec::new();
    // The key at every alignment to the groups of three bytes.
    for (name, front) in [("a0", ""), ("a1", "x"), ("a2", "xy")] {
        let key = key(front.len() as u64 + 1);
        let (text, at) = text(3, &key);
        let (text, at) = (format!("{front}{text}"), at + front.len());
        let file = text_of("base64 -w0", &text);
        cases.push(Case::new(name, file, &key, &["base64"], base64_at(&text, at)));
    }
    for (name, number, script) in [
        ("wrapped", 11, "base64"),
        ("wrapped-64", 12, "base64 -w64"),
        ("indented", 13, "base64 -w60 | sed 's/^/      /'"),
        ("crlf", 14, "base64 -w76 | sed 's/$/\\r/'"),
        (
            "python",
            15,
            "python3 -c 'import base64,sys; sys.stdout.buffer.write(base64.encodebytes(sys.stdin.buffer.read()))'",
        ),
        ("openssl", 16, "openssl base64"),
    ] {
        let key = key(number);
        let (text, at) = text(8, &key);
        let file = text_of(script, &text);
        // Short enough not to be cut by a line break there.
        let encoded = &base64_at(&text, at)[..4];
        cases.push(Case::new(name, format!("data: |\n{file}...\n"), &key, &["base64"], encoded));
    }
    let long = key(17);
    let (text_long, at) = text(20_000, &long);
    cases.push(Case::new(
        "long",
        text_of("base64 -w0", &text_long),
        &long,
        &["base64"],
        base64_at(&text_long, at),
    ));
    assert_found(&cases);
}

#[test]
fn base64_where_programs_put_it() {
    let token = |number| key(number);
    let encoded = |text: &str| text_of("base64 -w0", text);
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: app\ndata:\n  github: {}\n  other: {}\n",
        encoded(&token(1)),
        encoded("nothing to see in this one"),
    );
    let named = made("{{base62:25}}", 2);
    let messagebird = format!("data:\n  MESSAGEBIRD_API_KEY: {}\n", encoded(&named));
    let login = format!("robot:{}", token(3));
    let docker = format!(
        "{{\n\t\"auths\": {{\n\t\t\"ghcr.io\": {{\n\t\t\t\"auth\": \"{}\"\n\t\t}}\n\t}}\n}}",
        encoded(&login)
    );
    let nested_login = format!("bot:{}", token(4));
    let config = text_of(
        "jq -c .",
        format!("{{\"auths\":{{\"ghcr.io\":{{\"auth\":\"{}\"}}}}}}", encoded(&nested_login)),
    );
    let pull_secret =
        format!("type: kubernetes.io/dockerconfigjson\ndata:\n  .dockerconfigjson: {}\n", encoded(&config));
    let auth_at = config.find("\"auth\":\"").expect("the field") + 8 + 4;
    let basic = format!("me:{}", token(5));
    let header = format!("curl -H 'Authorization: Basic {}' https://api.github.com\n", encoded(&basic));
    let script = format!("const token = '{}';\n", token(6));
    let url = format!("<script src=\"data:text/javascript;base64,{}\"></script>\n", encoded(&script));
    let payload = format!("{{\"sub\":\"1\",\"github_token\":\"{}\"}}", token(7));
    let base64url = text_of("base64 -w0 | tr '+/' '-_' | tr -d '='", format!("ü~~>?{payload}"));
    let plain = format!("state={base64url}&next=1\n");
    let at = payload.find("ghp_").expect("the key") + "ü~~>?".len();
    let state = &base64url[at / 3 * 4 + at % 3..][..12];
    assert_found(&[
        Case::new("secret.yaml", secret.clone(), &token(1), &["base64"], base64_at(&token(1), 0)),
        Case::new("messagebird.yaml", messagebird.clone(), &named, &["base64"], base64_at(&named, 0)),
        Case::new("config.json", docker.clone(), &token(3), &["base64"], base64_at(&login, 6)),
        Case::new(
            "pull.yaml",
            pull_secret.clone(),
            &token(4),
            &["base64", "base64"],
            base64_at(&config, auth_at + 1),
        ),
        Case::new("curl.sh", header.clone(), &token(5), &["base64"], base64_at(&basic, 3)),
        Case::new("index.html", url.clone(), &token(6), &["base64"], base64_at(&script, 15)),
        Case::new("state", plain.clone(), &token(7), &["base64url"], state),
    ]);
}

#[test]
fn two_halves_of_a_pair_are_companions_though_both_are_encoded() {
    let id = made("{{aws-id:AKIA}}", 1);
    let secret = made("{{base64:40}}", 1);
    let encoded = |text: &str| text_of("base64 -w0", text);
    let file = format!(
        "data:\n  AWS_ACCESS_KEY_ID: {}\n  AWS_SECRET_ACCESS_KEY: {}\n",
        encoded(&id),
        encoded(&secret)
    );
    let layer = crate::support::image::Layer::new().file("app/aws.yaml", file.as_bytes());
    let run = super::scan(&crate::support::image::ImageBuilder::new("app:1").layer(layer).build());
    let finding = run.finding("aws-secret-access-key");
    assert_eq!(finding["companions"][0]["value"], id.as_str(), "{}", finding["companions"]);
    assert_eq!(finding["locations"][0]["decoded"], serde_json::json!(["base64"]));
}

#[test]
fn hex_digits() {
    let mut cases = Vec::new();
    for (name, number, script) in [
        ("plain", 1, "xxd -p | tr -d '\\n'"),
        ("wrapped", 2, "xxd -p"),
        ("upper", 3, "xxd -p -u -c 256"),
        ("sql", 4, "printf \"INSERT INTO t VALUES (X'\"; xxd -p | tr -d '\\n'; printf \"');\\n\""),
        ("number", 5, "printf 0x; xxd -p | tr -d '\\n'"),
    ] {
        let key = key(number);
        let (text, _) = text(1, &key);
        let digits = if name == "upper" { "6768705F" } else { "6768705f" };
        cases.push(Case::new(name, piped(script, &text), &key, &["hex"], digits));
    }
    assert_found(&cases);
}

#[test]
fn urls_and_forms() {
    let quote = "python3 -c 'import sys,urllib.parse; sys.stdout.write(urllib.parse.quote(sys.stdin.read(), safe=\"\"))'";
    let all = "python3 -c 'import sys; sys.stdout.write(\"\".join(\"%%%02X\" % b for b in sys.stdin.buffer.read()))'";
    let named = made("{{base62:25}}", 1);
    let body = text_of(quote, format!("{{\"messagebird_api_key\": \"{named}\", \"x\": \"é\"}}"));
    let dense = key(2);
    let twice = key(3);
    let encoded = text_of(&format!("{all} | {quote}"), format!("token={twice}"));
    assert_found(&[
        Case::new("body", format!("GET /?q={body} HTTP/1.1\n"), &named, &["url"], &named),
        Case::new("dense", format!("\n  {}\n", text_of(all, &dense)), &dense, &["url"], "%67%68%70%5F"),
        Case::new("twice", encoded, &twice, &["url", "url"], "%2567%2568%2570"),
    ]);
}

#[test]
fn utf_16_files_and_strings_in_binaries() {
    let mut cases = Vec::new();
    for (name, number, script, word, big) in [
        ("le", 1, "iconv -f UTF-8 -t UTF-16LE", &["utf-16le"], false),
        ("be", 2, "iconv -f UTF-8 -t UTF-16BE", &["utf-16be"], true),
        ("bom", 3, "iconv -f UTF-8 -t UTF-16", &["utf-16le"], false),
        ("bom-be", 4, "printf '\\376\\377'; iconv -f UTF-8 -t UTF-16BE", &["utf-16be"], true),
    ] {
        let key = key(number);
        let text =
            format!("[größe]\r\nname=“Ключ”\r\n{}Token = {key}\r\n", "line of a file\r\n".repeat(4_000));
        let first: &[u8] = if big { b"\0g\0h\0p\0_" } else { b"g\0h\0p\0_\0" };
        cases.push(Case::new(name, piped(script, text), &key, word, first));
    }
    for (name, number, before) in [("binary-0", 5, 4_000), ("binary-1", 6, 4_001)] {
        let key = key(number);
        let wide = piped("iconv -f UTF-8 -t UTF-16LE", &key);
        let mut bytes: Vec<u8> =
            (0..before).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        bytes.extend([&wide[..], &[0, 0, 0xff, 0xfe, 0x90]].concat());
        cases.push(Case::new(name, bytes, &key, &["utf-16le"], &wide));
    }
    let named = made("{{base62:25}}", 7);
    let command = format!("$env:MESSAGEBIRD_API_KEY = '{named}'; Start-App");
    let encoded = text_of("iconv -f UTF-8 -t UTF-16LE | base64 -w0", &command);
    let at = 2 * command.find(&named).expect("the key");
    let first = &encoded[at / 3 * 4 + at % 3..][..12];
    let power_shell = format!("powershell -EncodedCommand {encoded}\r\n");
    cases.push(Case::new("start.cmd", power_shell.clone(), &named, &["base64", "utf-16le"], first));
    assert_found(&cases);
}

#[test]
fn escapes_of_json_and_programs() {
    let slashed = made("{{base64:18}}/{{base64:21}}", 1);
    let aws = |secret: &str| format!("{{\"AWS_SECRET_ACCESS_KEY\": \"{secret}\"}}");
    let php = aws(&slashed.replace('/', "\\/"));
    let all_hex = key(2);
    let c = text_of(
        "python3 -c 'import sys; sys.stdout.write(\"\".join(\"\\\\x%02x\" % b for b in sys.stdin.buffer.read()))'",
        &all_hex,
    );
    let unicode = key(3);
    let js = text_of(
        "python3 -c 'import sys; sys.stdout.write(\"\".join(\"\\\\u%04x\" % b for b in sys.stdin.buffer.read()))'",
        &unicode,
    );
    let markdown = key(4);
    let nested = key(5);
    let lines = text_of("base64", format!("{}{nested}", "text ".repeat(20)));
    let inside = text_of("jq -Rsc '{t: .}'", lines);
    let escaped_line = base64_at(&format!("{}{nested}", "text ".repeat(20)), 100);
    assert_found(&[
        Case::new("hex.c", format!("char *token = \"{c}\";\n"), &all_hex, &["escapes"], "\\x67\\x68\\x70"),
        Case::new("unicode.js", format!("\n\nlet t='{js}'\n"), &unicode, &["escapes"], "\\u0067\\u0068"),
        Case::new(
            "README.md",
            format!("Use {}.\n", markdown.replace('_', "\\_")),
            &markdown,
            &["escapes"],
            "ghp\\_",
        ),
        Case::new("nested.json", inside, &nested, &["escapes", "base64"], escaped_line),
        Case::new("php.json", php.clone(), &slashed, &[], slashed.split('/').next().unwrap_or_default()),
    ]);
}

#[test]
fn entities_and_split_strings() {
    let named = made("{{base62:25}}", 1);
    let page = text_of(
        "python3 -c 'import sys,html; sys.stdout.write(html.escape(sys.stdin.read()))'",
        format!("<pre>{{\"messagebird\": {{\"key\": \"{named}\"}}}}</pre>"),
    );
    let split = |number: u64, joint: &str| {
        let key = key(number);
        (key[..9].to_owned(), key[9..22].to_owned(), key[22..].to_owned(), key.clone(), joint.to_owned())
    };
    let mut cases = vec![Case::new("page.html", page, &named, &[], &named)];
    for (name, number, joint) in [
        ("plus.js", 2, "\" + \""),
        ("lines.java", 3, "\"\n        + \""),
        ("adjacent.c", 4, "\"\n    \""),
        ("dot.php", 5, "\" . \""),
        ("continued.sh", 6, "\\\n"),
        ("continued.py", 7, "\" \\\n  \""),
        ("concat.lua", 8, "\" .. \""),
    ] {
        let (a, b, c, key, joint) = split(number, joint);
        let file = format!("// a file\nx = \"{a}{joint}{b}{joint}{c}\"\n");
        let word: &'static [&'static str] = if number == 6 { &["escapes"] } else { &["split"] };
        cases.push(Case::new(name, file, &key, word, &a));
    }
    assert_found(&cases);
}
