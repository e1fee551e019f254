//! Packages of Debian and of the RPM world, in each of their compressions.

use std::sync::LazyLock;

use super::place::{Place, at, check, key};
use super::workshop::Workshop;

pub(super) static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let mut places = Vec::new();
    for (compression, ending) in [("gzip", ".gz"), ("xz", ".xz"), ("zstd", ".zst"), ("none", "")] {
        places.push(deb(compression, ending));
    }
    for payload in ["w9.gzdio", "w6.xzdio", "w9.zstdio", "w9.bzdio", "w.ufdio"] {
        places.push(rpm(payload));
    }
    places.push(static_library());
    places
});

fn deb(compression: &str, ending: &str) -> Place {
    let shop = Workshop::new();
    let (data, script) = (format!("deb {compression} data"), format!("deb {compression} script"));
    shop.plant("root/usr/bin/corp", &data).plant("root/DEBIAN/postinst", &script);
    let control = "Package: corp\nVersion: 1.0\nArchitecture: all\nMaintainer: Dev <dev@corp.test>\nDescription: corp\n";
    shop.write("root/DEBIAN/control", control);
    let build = format!("chmod 755 root/DEBIAN/postinst && dpkg-deb -Z{compression} -b root out.deb");
    let bytes = shop.run(&build).read("out.deb");
    Place::new(&format!("srv/corp-{compression}.deb"), bytes)
        .holds(&data, at().inner(&[format!("data.tar{ending}").as_str(), "./usr/bin/corp"]).line(2))
        .holds(&script, at().inner(&[format!("control.tar{ending}").as_str(), "./postinst"]).line(2))
}

fn rpm(payload: &str) -> Place {
    let shop = Workshop::new();
    let (data, script) = (format!("rpm {payload} data"), format!("rpm {payload} script"));
    shop.plant("corp", &data);
    // Members with a size of every remainder, and a link, around the one with the key.
    shop.write(
        "corp.spec",
        format!(
            "Name: corp\nVersion: 1.0\nRelease: 1\nSummary: corp\nLicense: MIT\nBuildArch: noarch\n%description\ncorp\n\
             %install\nmkdir -p %{{buildroot}}/usr/bin %{{buildroot}}/etc\ncp %{{_topdir}}/corp %{{buildroot}}/usr/bin\n\
             for n in 1 2 3 4 5; do head -c $n /dev/zero > %{{buildroot}}/etc/corp$n; done\nln -s corp %{{buildroot}}/usr/bin/link\n\
             %post\necho {}\n%files\n/usr/bin/*\n/etc/corp*\n",
            key(&script)
        ),
    );
    shop.run(&format!(
        "rpmbuild --quiet --define \"_topdir $PWD\" --define '_binary_payload {payload}' -bb corp.spec && mv RPMS/noarch/*.rpm out"
    ));
    Place::new(&format!("srv/corp-{payload}.rpm"), shop.read("out"))
        .holds(&data, at().inner(&["./usr/bin/corp"]).line(2))
        .holds(&script, at().anyhow())
}

/// A library for the linker: the other use of Debian's outer format.
fn static_library() -> Place {
    let shop = Workshop::new();
    shop.write("first.c", "int first(void) { return 1; }\n");
    shop.write("second.c", format!("const char *second(void) {{ return \"{}\"; }}\n", key("static library")));
    let bytes = shop.run("cc -c first.c second.c && ar rcs out.a first.o second.o").read("out.a");
    Place::new("usr/lib/libcorp.a", bytes).holds("static library", at().anyhow())
}

#[test]
fn in_packages() {
    check(&PLACES);
}
