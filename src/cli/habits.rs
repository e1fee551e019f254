//! What users of other scanners type is answered with one line that names what it is called here.

/// Options and commands of others, and what to type instead.
const HABITS: &[(&str, &str)] = &[
    ("--input", "name the archive itself: keyseam scan docker-archive:FILE (or just FILE.tar)"),
    ("--image", "name the image itself: keyseam scan IMAGE"),
    ("--format", "use -o FORMAT[=FILE]: table, json, jsonl, csv"),
    ("-f", "use -o FORMAT[=FILE]: table, json, jsonl, csv"),
    ("--report-format", "use -o FORMAT[=FILE]: table, json, jsonl, csv"),
    ("--severity", "use --fail-on low|medium|high|critical|never: the least severity that counts"),
    ("-s", "use --fail-on low|medium|high|critical|never: the least severity that counts"),
    (
        "--exit-code",
        "keys that are found exit with 1 by default; --exit-zero or --fail-on never turns that off",
    ),
    ("--fail", "keys that are found exit with 1 by default; --exit-zero or --fail-on never turns that off"),
    ("--redact", "keys are always redacted; --show-secrets shows them"),
    ("--json", "use -o json"),
    ("--sarif", "use -o FORMAT[=FILE]: table, json, jsonl, csv"),
    ("--skip-files", "use .keyseamignore for paths, or --skip for detectors"),
    ("--skip-dirs", "use .keyseamignore for paths, or --skip for detectors"),
    ("--exclude", "use .keyseamignore for paths, or --skip for detectors"),
    ("--no-progress", "use --progress never"),
    ("--scanners", "keyseam looks for keys alone, in files and config at once; leave it out"),
    ("--image-config-scanners", "keyseam looks for keys alone, in files and config at once; leave it out"),
    ("image", "the command is: keyseam scan IMAGE"),
    ("docker", "the command is: keyseam scan IMAGE"),
    ("i", "the command is: keyseam scan IMAGE"),
];

/// The answer to an argument that is no option or command here.
pub(super) fn answer(argument: &str) -> Option<String> {
    let argument = argument.split_once('=').map_or(argument, |(name, _)| name);
    let (habit, ours) = HABITS.iter().find(|(habit, _)| *habit == argument)?;
    Some(format!("there is no '{habit}' here; {ours}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_habits_of_trivy_are_answered_in_one_line() {
        for habit in ["--input", "--format", "--severity", "--exit-code", "--exit-code=1", "image"] {
            let answer = answer(habit).unwrap_or_default();
            assert!(answer.starts_with("there is no '") && !answer.contains('\n'), "{habit}");
        }
        assert_eq!(answer("--inputs"), None);
    }
}
