//! apk's record, as apk-tools writes it. Debian has no apk: the record is written here, the digests are
//! coreutils'.

use super::*;

#[test]
fn files_of_an_installed_package_are_verified() {
    for place in ["lib/apk/db/installed", "usr/lib/apk/db/installed"] {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), "etc/keyhold.conf", &line(1));
        write(folder.path(), "usr/share/keyhold/a", &line(2));
        write(folder.path(), "top", &line(3));
        let sum = |path: &str| {
            let command = format!("sha1sum {path} | cut -c1-40 | xxd -r -p | base64");
            let sum = String::from_utf8(run("sh", &["-c", &command], folder.path())).expect("ASCII");
            format!("Z:Q1{sum}")
        };
        let record = [
            "C:Q1fFM0nJvVeNmsnV5VVv4zGqqjJ5M=\nP:musl\nV:1.2.5-r0\nA:x86_64\nS:1\nI:2\nT:libc\nF:lib\n\
             R:ld-musl-x86_64.so.1\na:0:0:755\nZ:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\
             P:keyhold\nV:2.0-r1\nA:noarch\nF:\nR:top\n",
            &sum("top"),
            "F:etc\nM:0:0:1777\nR:keyhold.conf\n",
            &sum("etc/keyhold.conf"),
            "F:usr\nF:usr/share\nF:usr/share/keyhold\nR:nothing\nR:a\na:0:0:600\n",
            &sum("usr/share/keyhold/a"),
            "\n",
        ];
        write(folder.path(), place, record.concat().as_bytes());
        let packages = layer(folder.path(), |_| true);
        let changed = Layer::new().file("usr/share/keyhold/nothing", &line(4));
        let result = scanned(&image(vec![packages, changed]));
        for number in 1..=3 {
            assert_eq!(owner(&result, number), owned("apk", "keyhold", "2.0-r1", true), "key {number}");
        }
        assert_eq!(owner(&result, 4), owned("apk", "keyhold", "2.0-r1", false));
    }
}
