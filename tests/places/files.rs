//! Plain files wherever they lie: no folder, no ending and no name is passed over.

use std::sync::LazyLock;

use super::place::{Place, at, check, key};

/// Where a file of text is a file of text.
const TEXTS: [&str; 47] = [
    "app/config.py",
    "app/.env",
    "app/.npmrc",
    "app/settings.yaml",
    "etc/app/app.conf",
    "etc/environment",
    "var/log/app.log",
    "root/.bash_history",
    "home/dev/.netrc.bak",
    "usr/local/lib/python3.11/site-packages/corpapp/settings.py",
    "usr/lib/python3/dist-packages/corpapp/settings.py",
    "usr/local/lib/python3.11/site-packages/corpapp-1.0.dist-info/METADATA",
    "app/venv/lib/python3.11/site-packages/corpapp/settings.py",
    "app/node_modules/@corp/client/index.js",
    "usr/lib/node_modules/@corp/tool/index.js",
    "app/vendor/github.com/corp/client/client.go",
    "app/vendor/corp/client/src/Client.php",
    "app/go.sum",
    "app/package-lock.json",
    "app/yarn.lock",
    "app/composer.lock",
    "app/poetry.lock",
    "app/Cargo.lock",
    "app/README.md",
    "app/CHANGELOG.md",
    "usr/lib/corp/daemon.conf",
    "usr/share/corp/defaults.ini",
    "usr/share/doc/corp/changelog.Debian",
    "usr/share/locale/de/LC_MESSAGES/corp.po",
    "usr/local/go/src/corp/client.go",
    "usr/include/corp/client.h",
    "usr/src/wordpress/wp-config.php",
    "var/www/html/wp-config-sample.php",
    "app/tests/test_client.py",
    "app/test_settings.py",
    "app/spec/client_spec.rb",
    "app/examples/client.py",
    "app/example/client.js",
    "app/static/jquery.min.js",
    "app/static/app.js.map",
    "app/static/logo.svg",
    "app/data/settings.bin",
    "var/lib/apt/lists/deb.corp.test_dists_stable_Release",
    "var/lib/dpkg/info/corp.postinst",
    "var/lib/docker/overlay2/aa/diff/app.env",
    "proc/1/environ",
    "lost+found/file",
];

pub(super) static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let mut places: Vec<Place> = TEXTS.iter().map(|path| Place::text(path)).collect();
    places.push(picture());
    places.push(long_line());
    places.push(large());
    places.push(Place::new("app/no-newline", key("no newline")).holds("no newline", at().line(1)));
    places.push(Place::text(".git-credentials.old"));
    places.push(Place::text(&format!("{}/deep.txt", ["a-folder"; 40].join("/"))));
    places
});

/// A text chunk of a PNG.
fn picture() -> Place {
    let chunk = |kind: &[u8], data: &[u8]| {
        let sum = crc32fast::hash(&[kind, data].concat());
        [&u32::try_from(data.len()).expect("short").to_be_bytes(), kind, data, &sum.to_be_bytes()].concat()
    };
    let text = format!("Comment\0token {}", key("png"));
    let header = [0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0];
    let bytes = [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &header),
        chunk(b"tEXt", text.as_bytes()),
        chunk(b"IEND", b""),
    ];
    Place::new("app/static/logo.png", bytes.concat()).holds("png", at())
}

/// A minified script: one line, the key far behind its start.
fn long_line() -> Place {
    let code = "function a(b,c){return b<c?a(c,b):b-c}".repeat(20_000);
    let text = format!("{code};var t=\"{}\";{code}\n", key("minified"));
    Place::new("app/static/vendor.min.js", text).holds("minified", at().line(1))
}

/// More than one buffer of the engine, and more than other tools read of a file.
fn large() -> Place {
    let text = "a line of a log, as there are many\n".repeat(100_000);
    let line = 100_001;
    Place::new("var/log/big.log", format!("{text}{}\n", key("big log"))).holds("big log", at().line(line))
}

#[test]
fn in_plain_files_wherever_they_lie() {
    check(&PLACES);
}
