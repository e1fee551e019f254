//! Platforms: `os/arch[/variant]`, matching and choosing.
//!
//! Names are Go's, as the OCI image specification asks; what people and kernels write instead
//! (`x86_64`, `aarch64`) is normalised the way containerd does.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The platform of an image, as in an index's descriptor.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`, `windows` ….
    pub os: String,
    /// `amd64`, `arm64` …: Go's names.
    pub architecture: String,
    /// `v7`, `v8` ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Windows' build number.
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
}

/// Which platforms of an index to scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformSet {
    /// This machine's (`linux/<arch>`); the only one there is, with a note, where that is missing.
    Default,
    /// Each of these; one that is missing is an error.
    Chosen(Vec<Platform>),
    /// All that the index names.
    All,
}

/// Why a text names no platform.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{0}' is not a platform: write os/architecture or os/architecture/variant, as in linux/arm64")]
pub struct PlatformError(String);

/// What [`PlatformSet::choose`] took: positions in the list it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Positions, ascending, each once.
    pub positions: Vec<usize>,
    /// Said to the user where the choice is not what was asked for.
    pub note: Option<String>,
}

impl Platform {
    /// `linux` on this machine's processor: containers run in a Linux machine on other systems too.
    pub fn of_this_machine() -> Self {
        Self::new("linux", std::env::consts::ARCH, None).normalised()
    }

    /// A platform of these parts, as they are.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
            os_version: None,
        }
    }

    /// The same in Go's words, lower case, without a variant that is the architecture's default.
    pub fn normalised(&self) -> Self {
        let os = match self.os.to_lowercase().as_str() {
            "macos" => "darwin".to_owned(),
            other => other.to_owned(),
        };
        let variant = self.variant.as_deref().map(str::to_lowercase).filter(|text| !text.is_empty());
        let (architecture, variant) = match (self.architecture.to_lowercase().as_str(), variant.as_deref()) {
            ("x86_64" | "x86-64" | "amd64", None | Some("v1")) => ("amd64", None),
            ("x86_64" | "x86-64", _) => ("amd64", variant),
            ("i386" | "i486" | "i586" | "i686" | "x86" | "386", _) => ("386", None),
            ("aarch64" | "arm64", None | Some("8" | "v8" | "v8.0")) => ("arm64", None),
            ("aarch64", _) => ("arm64", variant),
            ("armhf", _) => ("arm", Some("v7".to_owned())),
            ("armel", _) => ("arm", Some("v6".to_owned())),
            ("arm", None | Some("7")) => ("arm", Some("v7".to_owned())),
            ("arm", Some("5" | "6" | "8")) => ("arm", variant.map(|digit| format!("v{digit}"))),
            ("powerpc64le", _) => ("ppc64le", variant),
            ("loongarch64", _) => ("loong64", variant),
            (other, _) => return Self { os, architecture: other.to_owned(), variant, ..self.clone() },
        };
        Self { os, architecture: architecture.to_owned(), variant, os_version: self.os_version.clone() }
    }

    /// Whether this stands for no platform at all, as in BuildKit's attestation manifests.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }

    /// Whether both run on the same machine; Windows' build number does not matter.
    fn equals(&self, other: &Self) -> bool {
        let (left, right) = (self.normalised(), other.normalised());
        (left.os, left.architecture, left.variant) == (right.os, right.architecture, right.variant)
    }

    /// Positions of what fits: the same platform, or any variant of it where none was asked for.
    fn matches(&self, there: &[Option<Platform>]) -> Vec<usize> {
        let positions = |fits: &dyn Fn(&Platform) -> bool| -> Vec<usize> {
            let fits = |(at, platform): (usize, &Option<Platform>)| {
                platform.as_ref().is_some_and(fits).then_some(at)
            };
            there.iter().enumerate().filter_map(fits).collect()
        };
        let exact = positions(&|platform| self.equals(platform));
        if !exact.is_empty() || self.variant.is_some() {
            return exact;
        }
        let wanted = self.normalised();
        positions(&|platform| {
            let platform = platform.normalised();
            platform.os == wanted.os && platform.architecture == wanted.architecture
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) if !variant.is_empty() => write!(out, "/{variant}"),
            _ => Ok(()),
        }
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.trim().split('/').collect();
        let word = |part: &&str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        match parts.as_slice() {
            [os, architecture] if parts.iter().all(word) => Ok(Self::new(os, architecture, None).normalised()),
            [os, architecture, variant] if parts.iter().all(word) => {
                Ok(Self::new(os, architecture, Some(variant)).normalised())
            }
            _ => Err(PlatformError(text.chars().take(100).collect())),
        }
    }
}

impl PlatformSet {
    /// Chooses among the platforms of one named image. Several entries of one platform are all taken:
    /// runtimes do not agree on which of them they run. `Err` holds the platform that is missing, and
    /// is one clear line.
    pub fn choose(&self, there: &[Option<Platform>]) -> Result<Choice, String> {
        match self {
            Self::All => Ok(Choice { positions: (0..there.len()).collect(), note: None }),
            Self::Chosen(wanted) => {
                let mut positions = Vec::new();
                for platform in wanted {
                    let found = platform.matches(there);
                    if found.is_empty() {
                        return Err(format!("there is no {platform}: {}", listed(there)));
                    }
                    positions.extend(found);
                }
                positions.sort_unstable();
                positions.dedup();
                Ok(Choice { positions, note: None })
            }
            Self::Default => Self::choose_default(there),
        }
    }

    fn choose_default(there: &[Option<Platform>]) -> Result<Choice, String> {
        let machine = Platform::of_this_machine();
        let positions = machine.matches(there);
        match (positions.is_empty(), there) {
            (false, _) => Ok(Choice { positions, note: None }),
            (true, [None]) => Ok(Choice { positions: vec![0], note: None }),
            (true, [Some(only)]) => {
                let note = format!("scanned {only}, the only platform there is (this machine is {machine})");
                Ok(Choice { positions: vec![0], note: Some(note) })
            }
            (true, _) => Err(format!("there is no {machine}: {}", listed(there))),
        }
    }
}

/// What there is, for an error's line.
fn listed(there: &[Option<Platform>]) -> String {
    const NAMED: usize = 20;
    let mut names: Vec<String> = there.iter().flatten().map(Platform::to_string).collect();
    names.sort();
    names.dedup();
    match names.len() {
        0 => "the image names no platform (scan it with --platform all)".to_owned(),
        count if count > NAMED => format!("choose --platform {} … ({count} in all)", names[..NAMED].join(", ")),
        _ => format!("choose --platform {} or all", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(names: &[&str]) -> Vec<Option<Platform>> {
        names.iter().map(|name| name.parse().ok()).collect()
    }

    fn other_machine() -> &'static str {
        if Platform::of_this_machine().architecture == "s390x" { "linux/amd64" } else { "linux/s390x" }
    }

    #[test]
    fn says_one_platform_in_one_way() {
        for (text, normal) in [
            ("linux/x86_64", "linux/amd64"),
            ("linux/amd64/v1", "linux/amd64"),
            ("Linux/AMD64/v3", "linux/amd64/v3"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("linux/i686", "linux/386"),
            ("windows/amd64", "windows/amd64"),
        ] {
            assert_eq!(text.parse::<Platform>().map(|p| p.to_string()), Ok(normal.to_owned()));
        }
        for text in ["", "linux", "linux/", "/amd64", "linux/a/b/c", "linux/a b", "all"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }

    #[test]
    fn takes_this_machine_or_the_only_one_or_names_what_there_is() {
        let machine = Platform::of_this_machine().to_string();
        let both = there(&[other_machine(), &machine]);
        assert_eq!(PlatformSet::Default.choose(&both), Ok(Choice { positions: vec![1], note: None }));
        let only = PlatformSet::Default.choose(&there(&[other_machine()])).expect("the only one");
        assert_eq!(only.positions, [0]);
        assert!(only.note.expect("a note").contains(other_machine()));
        let error = PlatformSet::Default.choose(&there(&[other_machine(), "windows/amd64"])).expect_err("neither");
        assert!(error.contains("windows/amd64") && error.contains(other_machine()), "{error}");
        assert_eq!(PlatformSet::All.choose(&both).map(|choice| choice.positions), Ok(vec![0, 1]));
    }

    #[test]
    fn matches_any_variant_only_where_none_was_asked_for() {
        let list = there(&["linux/arm/v5", "linux/amd64/v3", "linux/arm64/v8"]);
        let chosen = |text: &str| {
            let platform = text.parse().expect("a platform");
            PlatformSet::Chosen(vec![platform]).choose(&list).map(|choice| choice.positions)
        };
        assert_eq!(chosen("linux/arm64"), Ok(vec![2]));
        assert_eq!(chosen("linux/amd64"), Ok(vec![1]));
        assert!(chosen("linux/arm/v7").is_err());
        assert!(chosen("windows/amd64").is_err_and(|error| error.contains("linux/arm/v5")));
    }
}
