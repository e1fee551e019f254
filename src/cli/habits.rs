//! What users of other scanners type is answered with one line that names what it is called here.

/// Options and commands of others, and what to type instead.
const HABITS: &[(&str, &str)] = &[
    ("--input", "name the archive itself: keyseam scan docker-archive:FILE (or just FILE.tar)"),
    ("--image", "name the image itself: keyseam scan IMAGE"),
    ("--format", "use -o FORMAT[=FILE]: table, json, sarif, gitlab, junit, html, markdown …"),
    ("-f", "use -o FORMAT[=FILE]: table, json, sarif, gitlab, junit, html, markdown …"),
    ("--report-format", "use -o FORMAT[=FILE]: table, json, sarif, gitlab, junit, html, markdown …"),
    ("--severity", "use --fail-on low|medium|high|critical|never: the least severity that counts"),
    ("-s", "use --fail-on low|medium|high|critical|never: the least severity that counts"),
    (
        "--exit-code",
        "keys that are found exit with 1 by default; --exit-zero or --fail-on never turns that off",
    ),
    ("--fail", "keys that are found exit with 1 by default; --exit-zero or --fail-on never turns that off"),
    ("--redact", "keys are always redacted; --show-secrets shows them"),
    ("--json", "use -o json"),
    ("--sarif", "use -o FORMAT[=FILE]: table, json, sarif, gitlab, junit, html, markdown …"),
    ("--skip-files", "use .keyseamignore for paths, or --skip for detectors"),
    ("--skip-dirs", "use .keyseamignore for paths, or --skip for detectors"),
    ("--exclude", "use .keyseamignore for paths, or --skip for detectors"),
    ("--no-progress", "use --progress never"),
    (
        "--tls-verify",
        "certificates are always checked; --insecure turns that off, --ca-file FILE trusts your own CA",
    ),
    (
        "--src-tls-verify",
        "certificates are always checked; --insecure turns that off, --ca-file FILE trusts your own CA",
    ),
    (
        "--insecure-registry",
        "use --plain-http for a registry without TLS, --insecure to check no certificate",
    ),
    (
        "--allow-insecure-registry",
        "use --plain-http for a registry without TLS, --insecure to check no certificate",
    ),
    ("--insecure-policy", "keyseam reads no signature policy; leave it out"),
    ("--creds", "use --username NAME --password-stdin: a password in arguments is seen by every process"),
    ("--src-creds", "use --username NAME --password-stdin: a password in arguments is seen by every process"),
    ("--password", "use --username NAME --password-stdin: a password in arguments is seen by every process"),
    ("-p", "use --username NAME --password-stdin: a password in arguments is seen by every process"),
    ("-u", "use --username NAME --password-stdin"),
    ("--src-username", "use --username NAME --password-stdin"),
    (
        "--src-password",
        "use --username NAME --password-stdin: a password in arguments is seen by every process",
    ),
    ("--registry-token", "use --username NAME --password-stdin, or registrytoken in an --authfile"),
    ("--src-registry-token", "use --username NAME --password-stdin, or registrytoken in an --authfile"),
    ("--no-creds", "use --authfile with a file that holds {}"),
    ("--src-no-creds", "use --authfile with a file that holds {}"),
    ("--src-authfile", "use --authfile FILE"),
    ("--registry-config", "use --authfile FILE"),
    ("--cert-dir", "use --ca-file, --cert and --key, each with a FILE"),
    ("--src-cert-dir", "use --ca-file, --cert and --key, each with a FILE"),
    ("--cacert", "use --ca-file FILE"),
    ("--tlscacert", "use --ca-file FILE for a registry; an engine's certificates come from DOCKER_CERT_PATH"),
    ("--image-src", "use --from docker,podman,registry"),
    ("--docker-host", "set DOCKER_HOST, or use a context: docker context use"),
    ("--host", "set DOCKER_HOST, or use a context: docker context use"),
    ("-H", "set DOCKER_HOST, or use a context: docker context use"),
    ("--podman-host", "set CONTAINER_HOST"),
    ("--command-timeout", "use --timeout: how long the other side may be silent"),
    ("--retry-times", "use --retries"),
    ("--override-arch", "use --platform OS/ARCH[/VARIANT]"),
    ("--override-os", "use --platform OS/ARCH[/VARIANT]"),
    ("--arch", "use --platform OS/ARCH[/VARIANT]"),
    ("--os", "use --platform OS/ARCH[/VARIANT]"),
    ("--all-platforms", "use --platform all"),
    ("--all", "use --platform all for every platform, --all-tags for every tag"),
    ("-a", "use --platform all for every platform, --all-tags for every tag"),
    ("--base-image", "use --base IMAGE"),
    ("--offline-scan", "use --offline"),
    ("--skip-update", "there is no database to update; leave it out"),
    ("--skip-db-update", "there is no database to update; leave it out"),
    ("pull", "keyseam pulls what it scans: keyseam scan IMAGE"),
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
    fn every_habit_is_named_once() {
        for (position, (habit, ours)) in HABITS.iter().enumerate() {
            let again = HABITS.iter().skip(position + 1).any(|(other, _)| other == habit);
            assert!(!again && !ours.contains('\n'), "{habit}");
        }
    }

    #[test]
    fn the_habits_of_trivy_are_answered_in_one_line() {
        for habit in ["--input", "--format", "--severity", "--exit-code", "--exit-code=1", "image"] {
            let answer = answer(habit).unwrap_or_default();
            assert!(answer.starts_with("there is no '") && !answer.contains('\n'), "{habit}");
        }
        assert_eq!(answer("--inputs"), None);
    }
}
