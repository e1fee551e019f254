//! Encoded content that holds no key.

use super::{assert_clean, piped, text_of};
use crate::support::image::Layer;

/// Bytes that look random, from a number.
fn noise(length: u32, seed: u32) -> Vec<u8> {
    (0..length).map(|n| ((n ^ seed.rotate_left(16)).wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn hashes_certificates_and_binaries_in_base64() {
    let mut lock = String::from("{\n");
    for number in 0..300_u32 {
        let hash = text_of_bytes("openssl dgst -sha512 -binary | base64 -w0", &number.to_le_bytes());
        lock.push_str(&format!("  \"node_modules/p{number}\": {{ \"integrity\": \"sha512-{hash}\" }},\n"));
    }
    let certificate = piped(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj '/O=Some Company/CN=a long name of a host' 2>/dev/null",
        "",
    );
    let program = piped("base64 -w0 </bin/ls", "");
    let wrapped = piped("base64 </bin/bash", "");
    let font = text_of_bytes("base64 -w0", &noise(90_000, 7));
    assert_clean(
        Layer::new()
            .file("app/package-lock.json", lock.as_bytes())
            .file("etc/ssl/host.pem", &certificate)
            .file("app/program.b64", &program)
            .file("app/program.txt", &wrapped)
            .file(
                "app/fonts.css",
                format!("@font-face {{ src: url(data:font/woff2;base64,{font}) }}").as_bytes(),
            )
            .file("app/random", &noise(2_000_000, 3)),
    );
}

#[test]
fn maps_documents_and_words() {
    let source =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/scan/blob.rs")).expect("a file");
    let map = serde_json::json!({ "version": 3, "sources": ["blob.rs"], "sourcesContent": [source], "mappings": "AAAA,SAASA,EAAIC".repeat(900) });
    let map = text_of("base64 -w0", map.to_string());
    let words =
        text_of("base64 -w0", "the quick brown fox: password = changeme, token = example-token\n".repeat(50));
    let hex = text_of("xxd -p", &source);
    let escaped = serde_json::Value::from(source.as_str()).to_string();
    let wide = piped("iconv -f UTF-8 -t UTF-16", &source);
    assert_clean(
        Layer::new()
            .file(
                "app/a.js",
                format!("a();\n//# sourceMappingURL=data:application/json;base64,{map}\n").as_bytes(),
            )
            .file("app/words", words.as_bytes())
            .file("app/hex", hex.as_bytes())
            .file("app/escaped.json", escaped.as_bytes())
            .file("app/wide.txt", &wide),
    );
}

fn text_of_bytes(script: &str, input: &[u8]) -> String {
    text_of(script, input)
}
