//! A wheel, installed by pip.

use super::*;

/// Makes a wheel as a build backend does; the record in it is pip's to check and to write anew.
const WHEEL: &str = r##"
import base64, hashlib, sys, zipfile
name = "key_hold-3.1+local"
files = {"key_hold/__init__.py": sys.argv[1], "key_hold/a,b.txt": sys.argv[2],
    "key_hold-3.1+local.data/scripts/keyhold": "#!python\n" + sys.argv[3],
    name + ".dist-info/METADATA": "Metadata-Version: 2.1\nName: key-hold\nVersion: 3.1+local\n",
    name + ".dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
record = name + ".dist-info/RECORD"
with zipfile.ZipFile(name + "-py3-none-any.whl", "w") as wheel:
    lines = []
    for path, text in files.items():
        wheel.writestr(path, text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f'"{path}",sha256={digest},{len(text)}\n')
    wheel.writestr(record, "".join(lines) + record + ",,\n")
"##;

#[test]
fn files_of_an_installed_wheel_are_verified() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines: Vec<String> = (1..=3)
        .map(|number| String::from_utf8(line(number)).expect("ASCII").replace(" = ", " = '"))
        .collect();
    let lines: Vec<String> = lines.iter().map(|line| line.replace('\n', "'\n")).collect();
    run("python3", &["-c", WHEEL, &lines[0], &lines[1], &lines[2]], folder.path());
    run("python3", &["-m", "venv", "--without-pip", "root/opt/venv"], folder.path());
    let install = ["-m", "pip", "--python", "root/opt/venv/bin/python3", "install", "--no-index", "--quiet"];
    let wheel = ["--no-compile", "--disable-pip-version-check", "key_hold-3.1+local-py3-none-any.whl"];
    run("python3", &[&install[..], &wheel[..]].concat(), folder.path());
    let installed = layer(&folder.path().join("root"), |_| true);
    let result = scanned(&image(vec![installed]));
    for number in 1..=3 {
        assert_eq!(owner(&result, number), owned("pip", "key_hold", "3.1+local", true), "key {number}");
    }
}
