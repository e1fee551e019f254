//! Tars inside a layer: of every format, in every compression, and what is made of them.

use std::sync::LazyLock;

use super::place::{Place, at, check, key};
use super::workshop::Workshop;

pub(super) static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let mut places = compressed();
    places.extend(formats());
    places.push(alpine());
    places.push(not_content());
    places
});

/// One tar in every compression, each with a key of its own.
fn compressed() -> Vec<Place> {
    let kinds = [
        ("srv/backup.tar", "tar -cf out.tar conf"),
        ("srv/backup.tar.gz", "tar -czf out.tar conf"),
        ("srv/backup.tgz", "tar -czf out.tar conf"),
        ("srv/backup.tar.xz", "tar -cJf out.tar conf"),
        ("srv/backup.tar.zst", "tar --zstd -cf out.tar conf"),
        ("srv/backup.tar.bz2", "tar -cjf out.tar conf"),
        ("srv/no-ending", "tar -czf out.tar conf"),
        ("srv/without-an-end.tar", "tar -cf - conf | head -c 2048 > out.tar"),
        (
            "srv/several-members.tar.gz",
            "tar -cf all conf && (head -c 700 all | gzip; tail -c +701 all | gzip) > out.tar",
        ),
        ("srv/gzip-in-xz.tar", "tar -czf - conf | xz > out.tar"),
    ];
    let place = |(path, script): &(&str, &str)| {
        let shop = Workshop::new();
        let bytes = shop.plant("conf/app.env", path).run(script).read("out.tar");
        let holds = at().inner(&["conf/app.env"]).line(2);
        // Compression around an archive is part of it and not listed; twice is once more than usual.
        Place::new(path, bytes).holds(path, if path.contains("-in-") { holds.anyhow() } else { holds })
    };
    kinds.iter().map(place).collect()
}

/// The formats of headers, with a name that only some of them can hold in one field.
fn formats() -> Vec<Place> {
    let long = format!("{}/secret.env", ["a-long-folder-name"; 10].join("/"));
    let scripts = [
        ("tar v7", "tar --format=v7 -cf out.tar conf/app.env", "conf/app.env"),
        ("tar ustar", "tar --format=ustar -cf out.tar conf/app.env", "conf/app.env"),
        ("tar gnu", "tar --format=gnu -cf out.tar a-long*", long.as_str()),
        ("tar pax", "tar --format=pax -cf out.tar a-long*", long.as_str()),
        ("tar by bsdtar", "bsdtar -cf out.tar a-long*", long.as_str()),
        ("tar with a dot", "tar -cf out.tar ./conf/app.env", "./conf/app.env"),
        (
            "tar concatenated",
            "tar -cf out.tar other && tar -cf b.tar conf/app.env && tar -Af out.tar b.tar",
            "conf/app.env",
        ),
    ];
    let place = |(name, script, member): &(&str, &str, &str)| {
        let shop = Workshop::new();
        let bytes = shop.plant(member, name).write("other", "x").run(script).read("out.tar");
        Place::new(&format!("srv/{name}"), bytes).holds(name, at().inner(&[member]).line(2))
    };
    let mut places: Vec<Place> = scripts.iter().map(place).collect();
    places.push(sparse());
    places
}

/// A sparse file: the key stands behind a hole that the tar does not hold.
fn sparse() -> Place {
    let shop = Workshop::new();
    let name = "tar sparse";
    shop.write("tail", format!("\n{}\n", key(name)));
    shop.run("truncate -s 1M image.raw && cat tail >> image.raw && truncate -s 3M image.raw && tar -Scf out.tar image.raw");
    Place::new("srv/sparse.tar", shop.read("out.tar")).holds(name, at().inner(&["image.raw"]).line(2))
}

/// An Alpine package: three tars, each compressed by itself, the first two without an end.
fn alpine() -> Place {
    let shop = Workshop::new();
    shop.plant("data/etc/app.conf", "apk data");
    shop.plant("control/.post-install", "apk script");
    shop.write("signature/.SIGN.RSA.dev@corp.test.rsa.pub", [7; 256]);
    shop.write("control/.PKGINFO", "pkgname = app\npkgver = 1.0-r0\n");
    shop.run(
        "cut() { tar -C $1 -cf - $(ls -A $1) | python3 -c '
import sys; b = sys.stdin.buffer.read().rstrip(b\"\\0\"); sys.stdout.buffer.write(b + bytes(-len(b) % 512))' | gzip; }
         (cut signature; cut control; tar -C data -czf - etc) > app.apk",
    );
    Place::new("srv/app-1.0-r0.apk", shop.read("app.apk"))
        .holds("apk data", at().inner(&["etc/app.conf"]).line(2))
        .holds("apk script", at().inner(&[".post-install"]).line(2))
}

/// Keys in a nested tar that are no file's content.
fn not_content() -> Place {
    let shop = Workshop::new();
    shop.write(&format!("x/{}.txt", key("tar member name")), "text\n");
    shop.run(&format!(
        "ln -s /run/{} x/link
         tar --format=pax --pax-option='comment={}' -czf out.tar x",
        key("tar member link"),
        key("tar pax comment")
    ));
    Place::new("srv/names.tar.gz", shop.read("out.tar"))
        .holds("tar member name", at().anyhow())
        .holds("tar member link", at().anyhow())
        .holds("tar pax comment", at().anyhow())
}

#[test]
fn in_tars_of_all_kinds() {
    check(&PLACES);
}
