//! Lists the definition files of `src/detectors/`, so that a detector is added by adding a file.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    let folder = root.join("src/detectors");
    println!("cargo::rerun-if-changed={}", folder.display());
    fs::write(out.join("detectors.rs"), table(&folder)?)
}

/// An array of names and texts, in the order of the names.
fn table(folder: &Path) -> io::Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().into_string().map_err(|name| io::Error::other(format!("{name:?}")))?;
        if name.ends_with(".toml") {
            names.push(name);
        }
    }
    names.sort();
    let line = |name: &String| format!("({name:?}, include_str!({:?})),\n", folder.join(name));
    Ok(format!("&[\n{}]", names.iter().map(line).collect::<String>()))
}
