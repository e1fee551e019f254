//! Compressed files that are no archives.

use std::sync::LazyLock;

use super::place::{Place, at, check};
use super::workshop::Workshop;

pub(super) static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let kinds = [
        ("var/log/app.log.1.gz", "gzip", "gzip -c text"),
        ("var/log/fast.gz", "gzip", "gzip -1 < text"),
        ("var/log/two-members.gz", "gzip", "gzip -c head; gzip -c text.tail"),
        ("var/log/trailing-zeros.gz", "gzip", "gzip -c text; head -c 1000 /dev/zero"),
        ("var/log/app.log.zst", "zstd", "zstd -qc text"),
        ("var/log/best.zst", "zstd", "zstd -q19c --check < text"),
        ("var/log/two-frames.zst", "zstd", "zstd -qc head; zstd -qc text.tail"),
        ("var/log/skippable.zst", "zstd", "printf '\\x50\\x2a\\x4d\\x18\\x04\\0\\0\\0abcd'; zstd -qc text"),
        ("var/log/app.log.xz", "xz", "xz -c text"),
        ("var/log/two-streams.xz", "xz", "xz -c head; head -c 8 /dev/zero; xz -c text.tail"),
        ("var/log/crc32.xz", "xz", "xz -C crc32 -9 -c text"),
        ("var/log/x86-filter.xz", "xz", "xz --x86 --lzma2 -c text"),
        ("var/log/blocks.xz", "xz", "xz --block-size=4096 -c text"),
        ("var/log/app.log.bz2", "bzip2", "bzip2 -c text"),
        ("var/log/two-streams.bz2", "bzip2", "bzip2 -c head; bzip2 -c text.tail"),
        ("var/log/no-ending", "gzip", "gzip -c text"),
        ("usr/share/man/man1/corp.1.gz", "gzip", "gzip -9nc text"),
        ("boot/config.gz", "gzip", "gzip -c text"),
    ];
    let place = |(path, decoded, script): &(&str, &str, &str)| {
        let shop = Workshop::new();
        shop.write("head", "a line of the log\n".repeat(1_000));
        shop.plant("text.tail", path).run("cat head text.tail > text");
        let bytes = shop.run(&format!("({script}) > out")).read("out");
        Place::new(path, bytes).holds(path, at().decoded(&[decoded]).line(1_002))
    };
    kinds.iter().map(place).collect()
});

#[test]
fn in_compressed_files() {
    check(&PLACES);
}
