//! Cpio archives, and the initial file systems that kernels boot from.

use std::sync::LazyLock;

use super::place::{Place, at, check};
use super::workshop::Workshop;

pub(super) static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let mut places: Vec<Place> =
        ["bin", "odc", "newc", "crc", "hpodc"].iter().map(|kind| format(kind)).collect();
    places.push(initramfs("boot/initrd.img", "gzip"));
    places.push(initramfs("boot/initrd.zst.img", "zstd -q"));
    let shop = Workshop::new();
    let script = "find etc | cpio --quiet -o -H newc | xz > out";
    let bytes = shop.plant("etc/app.conf", "cpio in xz").run(script).read("out");
    places.push(
        Place::new("srv/root.cpio.xz", bytes).holds("cpio in xz", at().inner(&["etc/app.conf"]).line(2)),
    );
    places
});

/// One of the formats of headers.
fn format(kind: &str) -> Place {
    let name = format!("cpio {kind}");
    let shop = Workshop::new();
    shop.plant("etc/app.conf", &name).write("etc/odd", "odd").write("etc/z", "");
    let bytes = shop.run(&format!("find etc | sort -r | cpio --quiet -o -H {kind} > out")).read("out");
    Place::new(&format!("srv/{kind}.cpio"), bytes).holds(&name, at().inner(&["etc/app.conf"]).line(2))
}

/// Microcode in a plain archive in front, the root file system in a compressed one behind it.
fn initramfs(path: &str, compress: &str) -> Place {
    let shop = Workshop::new();
    shop.write("early/kernel/x86/microcode/GenuineIntel.bin", [7; 5_000]);
    shop.plant("root/etc/app.conf", path);
    let bytes = shop
        .run(&format!(
            "(cd early && find . | cpio --quiet -o -H newc) > out
             (cd root && find . | cpio --quiet -o -H newc | {compress} -c) >> out"
        ))
        .read("out");
    Place::new(path, bytes).holds(path, at().inner(&["etc/app.conf"]).line(2))
}

#[test]
fn in_cpio_archives() {
    check(&PLACES);
}
