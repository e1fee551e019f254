//! Reads the definition files of `src/detectors/` at build time, so that a detector is added by adding a
//! file, a scan parses no TOML, and a file that is none fails the build.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest, Sha256};
use toml::{Table, Value};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    let folder = root.join("src/detectors");
    fs::write(out.join("detectors.rs"), table(&folder)?)?;
    println!("cargo::rustc-env=KEYSEAM_BUILD={}", build(&root)?);
    Ok(())
}

/// A hash of all that the program is made from: what one build keeps of a layer, no other takes.
fn build(root: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut left = ["Cargo.toml", "Cargo.lock", "build.rs", "src"].map(|name| root.join(name)).to_vec();
    left.iter().for_each(|path| println!("cargo::rerun-if-changed={}", path.display()));
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let mut inside: Vec<PathBuf> =
                fs::read_dir(&path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
            inside.sort();
            left.extend(inside);
        } else if path.exists() {
            let (name, bytes) = (path.strip_prefix(root).unwrap_or(&path), fs::read(&path)?);
            hash.update(format!("{} {}\n", name.display(), bytes.len()));
            hash.update(bytes);
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// An array of `DefinitionFile`s, in the order of their names.
fn table(folder: &Path) -> io::Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().into_string().map_err(|name| io::Error::other(format!("{name:?}")))?;
        if name.ends_with(".toml") {
            names.push(name);
        }
    }
    names.sort();
    let mut table = String::from("&[\n");
    for name in names {
        let text = fs::read_to_string(folder.join(&name))?;
        match file(&name, &text) {
            Ok(line) => table.push_str(&line),
            // Of every file that is wrong; each of these lines fails the build.
            Err(problem) => println!("cargo::error=src/detectors/{name}:{problem}"),
        }
    }
    table.push(']');
    Ok(table)
}

/// One file: its definitions as JSON, which is read in a tenth of the time, and apart from them the
/// examples, which no scan reads, the advice, which is read where a key was found, and the requests that ask
/// whether it works. The error is the line and what is wrong in it.
fn file(name: &str, text: &str) -> Result<String, String> {
    let mut table: Table = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        format!("{}: {}", before.matches('\n').count() + 1, error.message())
    })?;
    let mut examples = String::new();
    if let Some(Value::Array(detectors)) = table.get_mut("detector") {
        for detector in detectors.iter_mut().filter_map(Value::as_table_mut) {
            let (right, wrong) = (apart(detector, "example")?, apart(detector, "counter_example")?);
            write!(examples, "({right:?}, {wrong:?}), ").map_err(|error| error.to_string())?;
        }
    }
    let advice = apart(&mut table, "advice")?;
    if let Some(Value::Array(requests)) = table.get_mut("verify") {
        // For tests alone.
        requests
            .iter_mut()
            .filter_map(Value::as_table_mut)
            .for_each(|request| drop(request.remove("sample")));
    }
    let verify = apart(&mut table, "verify")?;
    let definitions = serde_json::to_string(&table).map_err(|error| format!("1: {error}"))?;
    let sha256: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!(
        "DefinitionFile {{ name: {name:?}, sha256: {sha256:?}, definitions: {definitions:?}, examples: &[{examples}], advice: {advice:?}, verify: {verify:?} }},\n"
    ))
}

/// Takes a list out of a table.
fn apart(table: &mut Table, list: &str) -> Result<String, String> {
    let list = table.remove(list).unwrap_or(Value::Array(Vec::new()));
    serde_json::to_string(&list).map_err(|error| format!("1: {error}"))
}
