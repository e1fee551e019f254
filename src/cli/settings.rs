//! What a scan is asked to do, with everything decided that the command line and the environment decide.

mod network;

use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use oci_client::Reference;

use super::args::{
    self, BuildCheckArguments, ContextArguments, DiffArguments, Images, Options, Project, PushArguments,
    ScanArguments,
};
use super::input::{self, InputError};
use super::output::{Outputs, OutputsError};
use super::progress::ProgressChoice;
use super::terminal::ColorChoice;
use crate::canary::Plan;
use crate::image::platform::{Platform, PlatformSet};
use crate::limits;
use crate::registry::credentials::Secret;
use crate::report::{StatusSet, Threshold};
use crate::verify;

pub use network::{Network, NetworkError};

/// Everything that a scan needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The images as they were asked for, in order.
    pub targets: Vec<String>,
    /// Whether the targets are repositories, of which every tag is asked for.
    pub all_tags: bool,
    /// The base image, as it was asked for.
    pub base: Option<String>,
    /// The build context, where that is scanned and no image.
    pub context: Option<ContextChoice>,
    /// What the images were built from.
    pub dockerfile: Option<PathBuf>,
    /// Whether its layers are left out.
    pub skip_base: bool,
    /// Which platforms of an index.
    pub platforms: PlatformSet,
    /// Ids, aliases, services or categories to which detection is limited; empty for no limit.
    pub only: Vec<String>,
    /// Ids, aliases, services or categories that are left out.
    pub skip: Vec<String>,
    /// Files with further detectors.
    pub rules: Vec<PathBuf>,
    /// Where the team's own secret values come from.
    pub secrets_from: Option<SecretsFrom>,
    /// The hashing key's file; the data folder's where there is none.
    pub fingerprint_key_file: Option<PathBuf>,
    /// The baseline whose keys are known.
    pub baseline: Option<PathBuf>,
    /// Where the baseline of this run's keys goes.
    pub write_baseline: Option<PathBuf>,
    /// Which findings count.
    pub threshold: Threshold,
    /// Whether contents that cannot be opened make a scan incomplete.
    pub strict: bool,
    /// Whether keys that are found leave the exit status alone.
    pub exit_zero: bool,
    /// Whether keys are shown whole.
    pub show_secrets: bool,
    /// Whether the working directory's `.keyseamignore` and `keyseam.toml` are read.
    pub project_files: bool,
    /// Whether diff_ids are checked where a digest is known too.
    pub verify_diff_ids: bool,
    /// How registries and engines are reached.
    pub network: Network,
    /// Layers read at once.
    pub jobs: NonZeroUsize,
    /// Bytes of content after which a layer is cut.
    pub max_layer_bytes: u64,
    /// Where layers that were read are kept, and known ones looked for.
    pub cache_folder: Option<PathBuf>,
    /// How services are asked whether keys work; none where nobody is asked.
    pub verify: Option<verify::Settings>,
    /// The folder of the inventory, where it is to know of this scan.
    pub inventory_folder: Option<PathBuf>,
    /// Where reports go.
    pub outputs: Outputs,
    /// When bars are drawn.
    pub progress: ProgressChoice,
    /// When colours are used.
    pub color: ColorChoice,
}

/// Why a command line cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// `--platform all` with others.
    #[error("--platform all already takes every platform; leave the others out")]
    AllAndOthers,
    /// Standard input can be read once.
    #[error("- (standard input) can be read once only")]
    StdinTwice,
    /// The list of images cannot be read.
    #[error("cannot read the images in {0}: {1}")]
    ImagesFrom(PathBuf, InputError),
    /// It is no text.
    #[error("{0} is not UTF-8 text; is it a list of images?")]
    ListForm(PathBuf),
    /// The list of images holds none.
    #[error("{0} names no image")]
    ListEmpty(PathBuf),
    /// What is pushed has passed whole.
    #[error("--exit-zero and --skip-base do not go with push: what is pushed has passed, all of it")]
    PushWithoutScan,
    /// A diff has a baseline already: its old image.
    #[error("--write-baseline goes with keyseam scan; what diff leaves out is what OLD holds")]
    BaselineOfDiff,
    /// Keys may be sent to their services, or they may not.
    #[error("--verify asks services over the network, and --offline forbids that")]
    VerifyOffline,
    /// Keys would go to whoever sits in between.
    #[error(
        "--verify sends keys, and --insecure sends them to whoever sits in between; --ca-file names a CA to trust"
    )]
    VerifyInsecure,
    /// A report has no place.
    #[error(transparent)]
    Outputs(#[from] OutputsError),
    /// The options on the network do not go together.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

impl Settings {
    /// Decides what the arguments of `keyseam scan` leave open, and refuses what does not go together. A
    /// password is read from `stdin`.
    pub fn new(arguments: ScanArguments, stdin: &mut dyn Read) -> Result<Self, SettingsError> {
        let ScanArguments { images: Images { images, images_from, all_tags }, options } = arguments;
        let targets = targets(images, images_from.as_deref())?;
        Ok(Self { all_tags, ..Self::of_targets(targets, options, stdin)? })
    }

    /// The same for `keyseam diff`; the targets are the old image and the new one.
    pub fn of_diff(arguments: DiffArguments, stdin: &mut dyn Read) -> Result<Self, SettingsError> {
        let DiffArguments { old, new, options } = arguments;
        if options.project.write_baseline.is_some() {
            return Err(SettingsError::BaselineOfDiff);
        }
        Self::of_targets(vec![old, new], options, stdin)
    }

    /// The same for `keyseam push`: all that is pushed is scanned.
    pub fn of_push(
        arguments: PushArguments,
        destination: &Reference,
        stdin: &mut dyn Read,
    ) -> Result<Self, SettingsError> {
        let PushArguments { image, options, .. } = arguments;
        // Both may need to know who asks; one is scanned.
        let both = vec![image, format!("docker://{}", destination.whole())];
        let mut settings = Self::of_targets(both, options, stdin)?;
        settings.targets.truncate(1);
        if settings.exit_zero || settings.skip_base {
            return Err(SettingsError::PushWithoutScan);
        }
        let platforms = match settings.platforms {
            PlatformSet::Default => PlatformSet::All,
            chosen => chosen,
        };
        Ok(Self { platforms, ..settings })
    }

    /// The same for `keyseam gone`: every tag of a repository, all of each, and every key counts.
    pub(super) fn of_every_tag(
        repository: String,
        options: Options,
        stdin: &mut dyn Read,
    ) -> Result<Self, SettingsError> {
        let settings = Self::of_targets(vec![repository], options, stdin)?;
        Ok(Self { all_tags: true, platforms: PlatformSet::All, project_files: false, ..settings })
    }

    /// The same for `keyseam context`, which needs no network.
    pub fn of_context(arguments: ContextArguments) -> Result<Self, SettingsError> {
        let ContextArguments { folder, file, keys, choice, project, coverage, general } = arguments;
        let options = Options { keys, choice, project, coverage, general, ..Options::default() };
        let context = Some(ContextChoice { folder, dockerfile: file });
        Ok(Self { context, ..Self::of_targets(Vec::new(), options, &mut std::io::empty())? })
    }

    /// The same for `keyseam build-check`. Which image it is, is known when it is built.
    pub fn of_build_check(arguments: BuildCheckArguments, plan: &Plan) -> Result<Self, SettingsError> {
        let BuildCheckArguments { choice, coverage, general, .. } = arguments;
        let options = Options { choice, coverage, general, ..Options::default() };
        let canaries = plan.canaries.iter().map(|canary| (canary.name.clone(), canary.value.clone()));
        let settings = Self::of_targets(Vec::new(), options, &mut std::io::empty())?;
        Ok(Self {
            secrets_from: Some(SecretsFrom::Canaries(canaries.collect())),
            project_files: false,
            cache_folder: None,
            inventory_folder: None,
            ..settings
        })
    }

    fn of_targets(
        targets: Vec<String>,
        options: Options,
        stdin: &mut dyn Read,
    ) -> Result<Self, SettingsError> {
        let Options { selection, network, keys, choice, verification, project, coverage, cache, general } =
            options;
        if targets.iter().chain(&selection.base).filter(|target| *target == "-").count() > 1 {
            return Err(SettingsError::StdinTwice);
        }
        let Project { no_config, baseline, write_baseline, .. } = project;
        let outputs = Outputs::new(general.output)?;
        if let Some(path) = &write_baseline {
            outputs.leaves_free(path)?;
        }
        if general.show_secrets {
            outputs.check_showing_secrets()?;
        }
        let verify = asking(&verification, &network)?;
        Ok(Self {
            platforms: platforms(selection.platform)?,
            outputs,
            network: Network::new(network, &targets, selection.base.as_deref(), stdin)?,
            targets,
            all_tags: false,
            base: selection.base,
            context: None,
            dockerfile: selection.dockerfile,
            skip_base: selection.skip_base,
            only: keys.only,
            skip: keys.skip,
            rules: keys.rules,
            secrets_from: keys.secrets_from,
            fingerprint_key_file: keys.fingerprint_key_file,
            baseline,
            write_baseline,
            threshold: Threshold {
                fail_on: choice.fail_on,
                min_confidence: choice.min_confidence,
                statuses: StatusSet::of(&verification.fail_on_status),
            },
            strict: choice.strict,
            exit_zero: choice.exit_zero,
            show_secrets: general.show_secrets,
            project_files: !no_config,
            verify_diff_ids: coverage.verify_diff_ids,
            jobs: coverage.jobs.unwrap_or_else(every_cpu),
            max_layer_bytes: coverage.max_layer_bytes,
            inventory_folder: cache.inventory_folder().filter(|_| !general.show_secrets),
            cache_folder: cache.folder(),
            verify,
            progress: general.progress,
            color: general.look.color,
        })
    }
}

/// How services are asked about keys, if they are.
fn asking(
    options: &args::Verification,
    network: &args::Network,
) -> Result<Option<verify::Settings>, SettingsError> {
    if !options.verify {
        return Ok(None);
    }
    if network.offline {
        return Err(SettingsError::VerifyOffline);
    }
    if network.insecure {
        return Err(SettingsError::VerifyInsecure);
    }
    Ok(Some(verify::Settings {
        endpoints: options.verify_endpoint.clone(),
        proxy: network.proxy.as_ref().map(|proxy| Secret::new(proxy.0.clone())),
        ca_file: network.ca_file.clone(),
        timeout: network.timeout,
    }))
}

fn every_cpu() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// A build context to scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContextChoice {
    /// Its folder.
    pub folder: PathBuf,
    /// Its Dockerfile, where that is not the folder's own.
    pub dockerfile: Option<PathBuf>,
}

/// Where the team's own secret values come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretsFrom {
    /// The environment's variables.
    Environment,
    /// A file.
    File(PathBuf),
    /// Values that were made up for a build, each with its name.
    Canaries(Vec<(String, String)>),
}

impl FromStr for SecretsFrom {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "env" => Self::Environment,
            file => Self::File(file.into()),
        })
    }
}

/// One `--platform`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformChoice {
    /// `all`.
    All,
    /// `os/arch[/variant]`.
    One(Platform),
}

/// Why a text is no platform.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a platform is OS/ARCH or OS/ARCH/VARIANT, for example linux/arm64, or the word all")]
pub struct PlatformError;

impl FromStr for PlatformChoice {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        if text == "all" {
            return Ok(Self::All);
        }
        let word = |part: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            (!part.is_empty() && part.chars().all(fits)).then(|| part.to_ascii_lowercase())
        };
        let parts: Vec<String> = text.split('/').map(word).collect::<Option<_>>().ok_or(PlatformError)?;
        let (os, architecture, variant) = match parts.as_slice() {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant.clone())),
            _ => return Err(PlatformError),
        };
        let (os, architecture) = (os.clone(), architecture.clone());
        Ok(Self::One(Platform { os, architecture, variant, os_version: None }))
    }
}

fn platforms(choices: Vec<PlatformChoice>) -> Result<PlatformSet, SettingsError> {
    let mut chosen = Vec::new();
    let mut all = false;
    for choice in choices {
        match choice {
            PlatformChoice::All => all = true,
            PlatformChoice::One(platform) if !chosen.contains(&platform) => chosen.push(platform),
            PlatformChoice::One(_) => {}
        }
    }
    match (all, chosen.is_empty()) {
        (true, true) => Ok(PlatformSet::All),
        (true, false) => Err(SettingsError::AllAndOthers),
        (false, true) => Ok(PlatformSet::Default),
        (false, false) => Ok(PlatformSet::Chosen(chosen)),
    }
}

fn targets(images: Vec<String>, list: Option<&Path>) -> Result<Vec<String>, SettingsError> {
    let mut targets = images;
    if let Some(path) = list {
        targets.extend(listed(path)?);
    }
    Ok(targets)
}

fn listed(path: &Path) -> Result<Vec<String>, SettingsError> {
    let bytes = input::file(path, limits::IMAGE_LIST)
        .map_err(|error| SettingsError::ImagesFrom(path.to_owned(), error))?;
    let text = String::from_utf8(bytes).map_err(|_| SettingsError::ListForm(path.to_owned()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let images: Vec<String> = lines.map(str::to_owned).collect();
    if images.is_empty() { Err(SettingsError::ListEmpty(path.to_owned())) } else { Ok(images) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Arguments, Command, command};
    use clap::FromArgMatches;

    fn settings(line: &[&str]) -> Result<Settings, String> {
        let line = ["keyseam", "scan"].iter().chain(line);
        let matches = command().try_get_matches_from(line).map_err(|error| error.to_string())?;
        match Arguments::from_arg_matches(&matches).map_err(|error| error.to_string())?.command {
            Command::Scan(arguments) => {
                Settings::new(*arguments, &mut &b""[..]).map_err(|error| error.to_string())
            }
            other => Err(format!("not a scan: {other:?}")),
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let settings = settings(&["app.tar"]).expect("good");
        assert_eq!(settings.threshold, Threshold::default());
        assert_eq!(settings.platforms, PlatformSet::Default);
        assert!(settings.project_files && !settings.strict && !settings.exit_zero && !settings.show_secrets);
    }

    #[test]
    fn platforms_are_parsed_and_put_together() {
        let chosen =
            settings(&["--platform", "linux/arm64/v8,linux/amd64", "--platform", "linux/amd64", "a"]);
        let PlatformSet::Chosen(chosen) = chosen.expect("good").platforms else { panic!("not chosen") };
        assert_eq!(chosen.len(), 2);
        assert_eq!(chosen[0].variant.as_deref(), Some("v8"));
        assert_eq!(settings(&["--platform", "all", "a"]).expect("good").platforms, PlatformSet::All);
        for wrong in ["linux", "linux/", "a/b/c/d", "linux/amd64\u{1b}", ""] {
            assert!(settings(&["--platform", wrong, "a"]).is_err(), "{wrong}");
        }
        assert!(settings(&["--platform", "all", "--platform", "linux/amd64", "a"]).is_err());
    }

    #[test]
    fn a_list_of_images_is_read_behind_those_of_the_line() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "# nightly\n\n  b.tar \noci:./c\n").expect("written");
        let path = file.path().to_str().expect("a plain path");
        let both = settings(&["a.tar", "--images-from", path]).expect("good");
        assert_eq!(both.targets, ["a.tar", "b.tar", "oci:./c"]);
        assert_eq!(settings(&["--images-from", path]).expect("good").targets.len(), 2);
        std::fs::write(file.path(), "# none\n").expect("written");
        assert!(settings(&["--images-from", path]).expect_err("empty").contains("names no image"));
        assert!(settings(&["--images-from", "/nowhere"]).expect_err("missing").contains("/nowhere"));
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        assert!(settings(&[]).is_err());
        assert!(settings(&["-", "-"]).expect_err("twice").contains("once"));
        assert!(settings(&["-o", "json", "-o", "csv", "a"]).expect_err("two").contains("standard output"));
        assert!(settings(&["-q", "-v", "a"]).is_err());
        assert!(settings(&["--jobs", "0", "a"]).is_err());
        assert!(settings(&["--skip-base", "a"]).is_err());
        let shown = settings(&["--show-secrets", "-o", "json", "-o", "sarif=a.sarif", "a"]);
        assert!(shown.expect_err("sent on").contains("sarif"));
    }

    #[test]
    fn secrets_come_from_the_environment_or_a_file() {
        let from = |text| settings(&["--secrets-from", text, "a"]).expect("good").secrets_from;
        assert_eq!(from("env"), Some(SecretsFrom::Environment));
        assert_eq!(from("./env"), Some(SecretsFrom::File("./env".into())));
    }
}
