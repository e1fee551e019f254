//! The embedded catalogue: one TOML file a provider. `docs/detectors.md` says how to add a detector.

/// File name and text of every embedded definition file, in the order of their names.
pub const FILES: &[(&str, &str)] = &[
    ("clockwork.toml", include_str!("clockwork.toml")),
    ("messagebird.toml", include_str!("messagebird.toml")),
];

#[cfg(test)]
mod tests {
    use super::FILES;

    #[test]
    fn every_file_of_the_folder_is_in_the_table_in_order() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/detectors");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".toml"))
            .collect();
        names.sort();
        assert_eq!(FILES.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
    }
}
