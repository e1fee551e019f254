//! Keys as constants of compiled programs and as values of databases, where lengths and other strings
//! stand right beside them.

use super::{Detectors, folder, made, read, run, token};

/// What stands for a key without a checksum: a prefix and a fixed length.
fn prefixed(number: u64) -> String {
    made("dop_v1_{{hex:64}}", number)
}

const CHECKED: &str = "github-pat-classic";
const PREFIXED: &str = "digitalocean-pat";

#[test]
fn constants_of_a_java_class_are_found() {
    let (folder, detectors) = (folder(), Detectors::new());
    for number in 0..12 {
        let (first, second) = (token(number), prefixed(number));
        // Constants of other lengths stand before and behind: a length byte may be a letter or digit.
        let pad = "x".repeat(40 + number as usize * 7);
        let source = format!(
            "class A {{ static final String P = \"{pad}\"; static String a() {{ return \"{first}\" + P; }} \
             static String b() {{ return \"{second}\"; }} static String c() {{ return \"url={second}\"; }} }}"
        );
        std::fs::write(folder.path().join("A.java"), source).expect("a file");
        run(folder.path(), "javac", &["A.java"]);
        let bytes = read(folder.path(), "A.class");
        assert_eq!(detectors.count(CHECKED, "app/A.class", &bytes), 1, "{number}");
        assert_eq!(detectors.count(PREFIXED, "app/A.class", &bytes), 2, "{number}");
    }
}

#[test]
fn constants_of_compiled_python_are_found() {
    let (folder, detectors) = (folder(), Detectors::new());
    for number in 0..6 {
        let pad = "y".repeat(30 + number as usize * 9);
        let source = format!(
            "A = '{}'\nP = '{pad}'\nB = '{}'\ndef f(x='{pad}q'):\n    return A + B + x\n",
            token(number),
            prefixed(number)
        );
        std::fs::write(folder.path().join("a.py"), source).expect("a file");
        run(
            folder.path(),
            "python3",
            &["-c", "import py_compile; py_compile.compile('a.py', cfile='a.pyc')"],
        );
        let bytes = read(folder.path(), "a.pyc");
        assert_eq!(detectors.count(CHECKED, "app/a.pyc", &bytes), 1, "{number}");
        assert_eq!(detectors.count(PREFIXED, "app/a.pyc", &bytes), 1, "{number}");
    }
}

#[test]
fn values_of_a_database_stand_next_to_each_other() {
    let (folder, detectors) = (folder(), Detectors::new());
    let mut sql = "create table t (a text, b text, c text, d int);".to_owned();
    for number in 0..8 {
        let (first, second) = (token(number), prefixed(number));
        sql += &format!("insert into t values ('name{number}', '{first}', 'eu-west', 1);");
        sql += &format!("insert into t values ('{second}', 'next', 'x{number}', 2);");
        sql += &format!("insert into t values ('user', 'pre', '{second}', 3);");
    }
    run(folder.path(), "sqlite3", &["a.db", &sql]);
    let bytes = read(folder.path(), "a.db");
    assert_eq!(detectors.count(CHECKED, "app/a.db", &bytes), 8);
    assert_eq!(detectors.count(PREFIXED, "app/a.db", &bytes), 16);
}

#[test]
fn strings_of_native_programs_are_found() {
    let (folder, detectors) = (folder(), Detectors::new());
    let (first, second) = (token(1), prefixed(1));
    let source = format!(
        "#include <stdio.h>\nint main(int c, char **v) {{ puts(c > 1 ? \"{first}\" : \"{second}\"); return 0; }}\n"
    );
    std::fs::write(folder.path().join("a.c"), source).expect("a file");
    run(folder.path(), "cc", &["-O2", "-o", "a", "a.c"]);
    let source = format!(
        "fn main() {{ let n = std::env::args().count(); println!(\"{{}}{{}}{{}}\", [\"{first}\", \"other\"][n % 2], \
         [\"{second}\", \"word\"][n % 2], [\"lead\", \"tail\"][n % 2]); }}\n"
    );
    std::fs::write(folder.path().join("b.rs"), source).expect("a file");
    run(folder.path(), "rustc", &["-O", "-C", "strip=symbols", "-o", "b", "b.rs"]);
    for program in ["a", "b"] {
        let bytes = read(folder.path(), program);
        assert!(detectors.count(CHECKED, "app/program", &bytes) >= 1, "{program}");
        assert!(detectors.count(PREFIXED, "app/program", &bytes) >= 1, "{program}");
    }
}

#[test]
fn a_piece_of_something_longer_is_no_key_in_binary_content_either() {
    let detectors = Detectors::new();
    for (before, behind) in [("q", ""), ("", "q"), ("ab", "cd")] {
        // A short prefix is no mark; and in text nothing is.
        let short = made("da2-{{alnum:26}}", 1);
        let bytes = [b"\0\0\0", before.as_bytes(), short.as_bytes(), behind.as_bytes(), b"\0"].concat();
        assert_eq!(detectors.count("aws-appsync-api-key", "app/program", &bytes), 0, "{before} {behind}");
        let text = format!("\n{before}{}{behind}\n", prefixed(1));
        assert_eq!(detectors.count(PREFIXED, "app/text", text.as_bytes()), 0, "{before} {behind}");
    }
}

/// A prefix of hex digits, as one of AWS is, stands in every megabyte of hex.
#[test]
fn a_piece_of_a_long_number_is_no_key() {
    let detectors = Detectors::new();
    let (id, digits) = (["ACCA", "6B7AC2D3E4F5A672"].concat(), "B0F4986A9809B655");
    let found = |before: &str, behind: &str| {
        let bytes = [b"\0\0\0", before.as_bytes(), id.as_bytes(), behind.as_bytes(), b"\0"].concat();
        detectors.count("aws-access-key-id", "app/a.db", &bytes)
    };
    assert_eq!(found(digits, digits), 0);
    assert_eq!(found(digits, ""), 0);
    assert_eq!(found("", &digits.replace(['0', '9', '8'], "Z")), 0, "base32");
    assert_eq!(found("eu-west-1", "nextKey"), 1, "glued to other values");
}
