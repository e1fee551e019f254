//! Compiled programs: ELF by C and by Rust, libraries, compiled Python, and strings in UTF-16.

use std::sync::LazyLock;

use super::place::{Place, at, check, key};
use super::workshop::Workshop;

pub(super) static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let mut places = vec![rust(), python("python", ""), python("optimised python", "-OO")];
    places.extend(c());
    places
});

fn c() -> Vec<Place> {
    let shop = Workshop::new();
    let program = |name: &str| {
        format!(
            "#include <stdio.h>\nint main(void) {{ printf(\"token %s\\n\", \"{}\"); return 0; }}\n",
            key(name)
        )
    };
    shop.write("elf.c", program("ELF"));
    shop.write("stripped.c", program("stripped ELF"));
    shop.write("array.c", format!("const char token[] = \"{}\"; int length = 3;\n", key("shared library")));
    shop.write(
        "global.c",
        format!("char token[64] = \"{}\"; int main(void) {{ return token[3]; }}\n", key("ELF data")),
    );
    shop.write(
        "wide.c",
        format!(
            "#include <uchar.h>\nconst char16_t token[] = u\"{}\"; int main(void) {{ return token[3]; }}\n",
            key("UTF-16 in ELF")
        ),
    );
    shop.run(
        "cc -g -o elf elf.c && cc -O2 -s -static-pie -o stripped stripped.c && cc -shared -fPIC -o library array.c
         cc -o global global.c && cc -o wide wide.c",
    );
    vec![
        Place::new("usr/local/bin/app", shop.read("elf")).holds("ELF", at().anyhow()),
        Place::new("usr/local/bin/stripped", shop.read("stripped")).holds("stripped ELF", at()),
        Place::new("usr/lib/x86_64-linux-gnu/libcorp.so.1", shop.read("library"))
            .holds("shared library", at()),
        Place::new("usr/local/bin/global", shop.read("global")).holds("ELF data", at()),
        Place::new("usr/local/bin/wide", shop.read("wide"))
            .holds("UTF-16 in ELF", at().decoded(&["utf-16le"])),
    ]
}

/// Rust puts strings one behind the other, without a NUL between them.
fn rust() -> Place {
    let shop = Workshop::new();
    shop.write(
        "main.rs",
        format!(
            "fn main() {{ println!(\"hello {{}} and {{}}\", \"{}\", std::env::args().count()); }}\n",
            key("Rust")
        ),
    );
    let bytes = shop.run("rustc --edition 2021 -C opt-level=1 -C strip=symbols -o app main.rs").read("app");
    Place::new("usr/local/bin/rust-app", bytes).holds("Rust", at().anyhow())
}

/// Compiled Python whose source is not in the image.
fn python(name: &str, options: &str) -> Place {
    let shop = Workshop::new();
    shop.write("settings.py", format!("import os\nTOKEN = \"{}\"\ndef token(): return TOKEN\n", key(name)));
    let script = format!(
        "python3 {options} -m compileall -q -b settings.py && rm settings.py && mv settings*.pyc out"
    );
    Place::new(&format!("app/__pycache__/{name}.pyc"), shop.run(&script).read("out")).holds(name, at())
}

#[test]
fn in_compiled_programs() {
    check(&PLACES);
}
