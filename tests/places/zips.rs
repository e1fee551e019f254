//! Zips as the tools of the world write them.

use std::sync::LazyLock;

use super::place::{Place, at, check, key, text};
use super::workshop::Workshop;

pub(super) static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let mut places = vec![commented(), named(), many(), large()];
    places.extend(methods());
    places.extend(layouts());
    places.extend(formats());
    places
});

/// Each method of compression, and data descriptors as a zip has that was written to a pipe.
fn methods() -> Vec<Place> {
    let zstd = format!("{ZIP_BY_HAND}\nwrite(93, subprocess.check_output(['zstd', '-qc', 'conf/app.env']))");
    let scripts = [
        ("deflated", "zip -q9r out.zip conf"),
        ("stored", "zip -q0r out.zip conf"),
        ("without folders", "zip -qD out.zip conf/app.env"),
        ("streamed", "zip -q - conf/app.env | cat > out.zip"),
        ("stored and streamed", "zip -q0 - conf/app.env | cat > out.zip"),
        ("streamed by 7z", "7z a -bd -tzip -so out.zip conf/app.env > piped.zip && mv piped.zip out.zip"),
        ("zip64", "zip -qfz out.zip conf/app.env"),
        ("zip64 and streamed", "zip -qfz - conf/app.env | cat > out.zip"),
        ("bzip2", "zip -qr -Z bzip2 out.zip conf"),
        ("lzma", "7z a -bd -tzip -mm=LZMA out.zip conf"),
        ("xz", "7z a -bd -tzip -mm=xz out.zip conf"),
        ("zstd", zstd.as_str()),
        ("by bsdtar", "bsdtar -a -cf out.zip conf"),
        ("by python", "python3 -m zipfile -c out.zip conf"),
    ];
    let place = |(name, script): &(&str, &str)| {
        let shop = Workshop::new();
        let name = format!("zip {name}");
        shop.plant("conf/app.env", &name);
        let script = match script.lines().count() {
            1 => (*script).to_owned(),
            _ => format!("python3 - <<'EOF'\n{script}\nEOF"),
        };
        let bytes = shop.run(&script).read("out.zip");
        Place::new(&format!("srv/{name}.zip"), bytes).holds(&name, at().inner(&["conf/app.env"]).line(2))
    };
    scripts.iter().map(place).collect()
}

/// A method that no tool of Debian writes: headers by hand, data by the method's own tool.
const ZIP_BY_HAND: &str = "
import struct, subprocess, zlib
def write(method, data):
    plain, name = open('conf/app.env', 'rb').read(), b'conf/app.env'
    sizes = struct.pack('<III', zlib.crc32(plain), len(data), len(plain))
    head = struct.pack('<HHHHH', 63, 0, method, 0, 0x21) + sizes + struct.pack('<HH', len(name), 0)
    local = b'PK\\x03\\x04' + head + name + data
    entry = b'PK\\x01\\x02' + struct.pack('<H', 63) + head + struct.pack('<HHHII', 0, 0, 0, 0, 0) + name
    end = b'PK\\x05\\x06' + struct.pack('<HHHHIIH', 0, 0, 1, 1, len(entry), len(local), 0)
    open('out.zip', 'wb').write(local + entry + end)
";

/// What may stand around a zip.
fn layouts() -> Vec<Place> {
    let scripts = [
        // A self-extracting script: offsets count from the zip's start, or (with -A) from the file's.
        ("behind a script", "srv/install.sh", "cat stub in.zip > out"),
        ("behind a script, adjusted", "srv/setup.sh", "cat stub in.zip > out && zip -qA out"),
        ("behind a program", "usr/local/bin/tool", "cat /bin/true in.zip > out"),
        ("in front of something", "srv/trailing.zip", "cat in.zip > out && head -c 3000 /bin/true >> out"),
        (
            "with a comment",
            "srv/comment.zip",
            "cp in.zip out.zip && echo built by corp | zip -qz out.zip && mv out.zip out",
        ),
        (
            "after an update",
            "srv/updated.zip",
            "cp in.zip out.zip && echo x > new && zip -q out.zip new && mv out.zip out",
        ),
        (
            "with a deleted member",
            "srv/deleted.zip",
            "cp in.zip out.zip && zip -qd out.zip empty/ && mv out.zip out",
        ),
        ("no ending", "srv/blob", "cp in.zip out"),
        ("another ending", "srv/data.txt", "cp in.zip out"),
    ];
    let place = |(name, path, script): &(&str, &str, &str)| {
        let shop = Workshop::new();
        let name = format!("zip {name}");
        shop.plant("conf/app.env", &name).write("conf/none", "").write("empty/.keep", "");
        shop.write("stub", "#!/bin/sh\ntail -n +4 \"$0\" > /tmp/a.zip && unzip /tmp/a.zip\nexit\n");
        let bytes = shop.run(&format!("zip -qr in.zip conf empty && {script}")).read("out");
        Place::new(path, bytes).holds(&name, at().inner(&["conf/app.env"]).line(2))
    };
    scripts.iter().map(place).collect()
}

/// Formats that are zips.
fn formats() -> Vec<Place> {
    let kinds = [
        ("srv/wheels/corpapp-1.0-py3-none-any.whl", "corpapp/settings.py", "corpapp-1.0.dist-info/RECORD"),
        ("srv/mobile/app-release.apk", "assets/config.json", "AndroidManifest.xml"),
        ("srv/nuget/Corp.Client.1.0.0.nupkg", "content/appsettings.json", "_rels/.rels"),
        ("srv/docs/passwords.docx", "word/document.xml", "[Content_Types].xml"),
        ("srv/docs/passwords.xlsx", "xl/sharedStrings.xml", "[Content_Types].xml"),
        ("srv/docs/passwords.odt", "content.xml", "mimetype"),
        ("srv/chrome/extension.xpi", "background.js", "manifest.json"),
        ("srv/eggs/corpapp-1.0.egg", "corpapp/settings.py", "EGG-INFO/PKG-INFO"),
        ("srv/lambda/function.zip", "index.js", "package.json"),
        ("srv/books/runbook.epub", "OEBPS/chapter1.xhtml", "mimetype"),
    ];
    let place = |(path, holder, first): &(&str, &str, &str)| {
        let shop = Workshop::new();
        shop.plant(holder, path).write(first, "the first member\n");
        let bytes =
            shop.run(&format!("zip -qX0 out.zip '{first}' && zip -qX9 out.zip '{holder}'")).read("out.zip");
        Place::new(path, bytes).holds(path, at().inner(&[holder]).line(2))
    };
    let mut places: Vec<Place> = kinds.iter().map(place).collect();
    for (path, options) in [("usr/local/bin/zipapp", ""), ("usr/local/bin/packed", "--compress")] {
        let shop = Workshop::new();
        shop.plant("app/settings.py", path).write("app/__main__.py", "print(1)\n");
        let script = format!("python3 -m zipapp app {options} -o out -p '/usr/bin/env python3'");
        let place = Place::new(path, shop.run(&script).read("out"));
        places.push(place.holds(path, at().inner(&["settings.py"]).line(2)));
    }
    places
}

/// A key in the comment, which is no member's.
fn commented() -> Place {
    let shop = Workshop::new();
    shop.write("file", "text\n").write("comment", key("zip comment"));
    let bytes = shop.run("zip -q out.zip file && zip -qz out.zip < comment").read("out.zip");
    Place::new("srv/commented.zip", bytes).holds("zip comment", at().anyhow())
}

/// A key in a member's name, which stands in the zip twice.
fn named() -> Place {
    let shop = Workshop::new();
    shop.write(&format!("notes/{}.txt", key("zip member name")), "text\n");
    let bytes = shop.run("zip -qr out.zip notes").read("out.zip");
    Place::new("srv/named.zip", bytes).holds("zip member name", at().anyhow())
}

/// The last of many members, with a name of more than ASCII.
fn many() -> Place {
    let shop = Workshop::new();
    let name = "zip with many members";
    for number in 0..700 {
        shop.write(&format!("many/{number:03}/file.txt"), format!("file {number}\n"));
    }
    shop.plant("many/zürich/geheim.txt", name);
    let bytes = shop.run("zip -qr out.zip many/[0-9]* && zip -qr out.zip many/z*").read("out.zip");
    Place::new("srv/many.zip", bytes).holds(name, at().inner(&["many/zürich/geheim.txt"]).line(2))
}

/// A member that takes several buffers.
fn large() -> Place {
    let shop = Workshop::new();
    let name = "zip with a large member";
    let filler: String = (0..90_000).map(|number| format!("{number} lines of a dump\n")).collect();
    shop.write("dump.sql", format!("{filler}{}", text(name)));
    let bytes = shop.run("zip -q out.zip dump.sql").read("out.zip");
    Place::new("srv/large.zip", bytes).holds(name, at().inner(&["dump.sql"]).line(90_002))
}

#[test]
fn in_zips_of_all_kinds() {
    check(&PLACES);
}
