//! Archives in archives in archives, three deep and more.

use std::sync::LazyLock;

use super::place::{At, Place, at, check};
use super::workshop::Workshop;

pub(super) static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let deb = "mkdir -p root/DEBIAN root/etc && mv app.env root/etc && printf 'Package: corp\\nVersion: 1\\nArchitecture: all\\nMaintainer: D <d@corp.test>\\nDescription: x\\n' > root/DEBIAN/control
               dpkg-deb -Zxz -b root app.deb >/dev/null";
    let jar = "mkdir -p WEB-INF/lib && mv app.env app.properties && jar cf WEB-INF/lib/a.jar app.properties && jar cf app.war WEB-INF";
    vec![
        nest(
            "zip in tar.xz in zip",
            "zip -q c.zip app.env && tar -cJf b.tar.xz c.zip && zip -q out b.tar.xz && mv out.zip out",
            at().inner(&["b.tar.xz", "c.zip", "app.env"]).line(2),
        ),
        nest(
            "stored zip in stored zip in stored zip",
            "zip -q0 c.zip app.env && zip -q0 b.zip c.zip && zip -q0 out b.zip && mv out.zip out",
            at().inner(&["b.zip", "c.zip", "app.env"]).line(2),
        ),
        nest(
            "tar in tar in tar",
            "tar -cf c.tar app.env && tar -cf b.tar c.tar && tar -cf out b.tar",
            at().inner(&["b.tar", "c.tar", "app.env"]).line(2),
        ),
        nest(
            "deb in tar.gz in zip",
            &format!("{deb} && tar -czf pkgs.tar.gz app.deb && zip -q out pkgs.tar.gz && mv out.zip out"),
            at().inner(&["pkgs.tar.gz", "app.deb", "data.tar.xz", "./etc/app.env"]).line(2),
        ),
        nest(
            "gz in gz in gz",
            "gzip -c app.env | gzip -c | gzip -c > out",
            at().decoded(&["gzip", "gzip", "gzip"]).line(2),
        ),
        nest(
            "bz2 in xz in zst",
            "bzip2 -c app.env | xz -c | zstd -qc > out",
            at().decoded(&["zstd", "xz", "bzip2"]).line(2),
        ),
        nest(
            "jar in war in tar.zst",
            &format!("{jar} && tar --zstd -cf out app.war"),
            at().inner(&["app.war", "WEB-INF/lib/a.jar", "app.properties"]).line(2),
        ),
        nest(
            "zip in tar.gz in base64",
            "zip -q c.zip app.env && tar -czf - c.zip | base64 -w0 > out",
            at().decoded(&["base64"]).inner(&["c.zip", "app.env"]),
        ),
        nest(
            "gz in a zip",
            "gzip app.env && zip -q0 out app.env.gz && mv out.zip out",
            at().inner(&["app.env.gz"]).decoded(&["gzip"]).line(2),
        ),
        nest(
            "base64 in a jar in a tar",
            "base64 -w0 app.env > app.properties && jar cf a.jar app.properties && tar -cf out a.jar",
            at().inner(&["a.jar", "app.properties"]).decoded(&["base64"]),
        ),
        nest(
            "cpio in rpm's way in an OCI-like tar",
            "ls app.env | cpio --quiet -o -H newc | gzip > root.cpio.gz && tar -cf b.tar root.cpio.gz && tar -czf out b.tar",
            at().inner(&["b.tar", "root.cpio.gz", "app.env"]).line(2),
        ),
    ]
});

fn nest(name: &str, script: &str, at: At) -> Place {
    let shop = Workshop::new();
    let bytes = shop.plant("app.env", name).run(script).read("out");
    Place::new(&format!("srv/{name}"), bytes).holds(name, at)
}

#[test]
fn in_nests_three_deep() {
    check(&PLACES);
}
