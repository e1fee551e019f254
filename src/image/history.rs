//! Build history: which step made which layer, and what the forms of the builders' `created_by` say.
//!
//! Steps and layers are paired only where it is certain: the entries that are not marked
//! `empty_layer` are as many as the layers, and then they are paired in order. With any other count
//! there is no telling where an entry is missing, so no layer is given a step, and a warning says so.

mod assignments;

use std::collections::HashMap;

use super::config::ImageConfig;
use crate::limits;
use assignments::{NameForm, assignments, run_arguments};

/// A name and the value that a step gives it.
pub type Assignment = (String, String);

/// A build step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Position in the history, from 0.
    pub index: usize,
    /// Index of the layer that it made; `None` for a step that made none, or where that is not certain.
    pub layer: Option<usize>,
    /// The step, as recorded.
    pub created_by: String,
    /// What it does.
    pub kind: StepKind,
}

/// What a build step does. Builders write values with and without quotes, so where values hold spaces
/// the pairs are a best reading; whoever searches for keys searches `created_by` as a whole as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Runs a command.
    Run {
        /// The build arguments that it ran with.
        args: Vec<Assignment>,
        /// The command, its shell included where the builder recorded one.
        command: String,
    },
    /// Sets variables.
    Env(Vec<Assignment>),
    /// Declares build arguments; those without a value are left out.
    Arg(Vec<Assignment>),
    /// Sets labels.
    Label(Vec<Assignment>),
    /// Copies files.
    Copy,
    /// Adds files.
    Add,
    /// Sets the command.
    Cmd,
    /// Sets the entrypoint.
    Entrypoint,
    /// Sets the health check.
    Healthcheck,
    /// Sets a trigger.
    Onbuild,
    /// Sets the user.
    User,
    /// Sets the working directory.
    Workdir,
    /// Anything else, and what no known builder wrote.
    Other,
}

/// The steps of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// In order, one for each entry of the config's history.
    pub steps: Vec<Step>,
    /// What does not add up.
    pub warnings: Vec<String>,
}

/// Values that the finished image holds, by name. They tell where a recorded value with spaces ends.
type Known<'a> = HashMap<&'a str, &'a str>;

impl History {
    /// The history of an image with `layers` layers.
    pub fn of(config: &ImageConfig, layers: usize) -> Self {
        let made: usize = config.history.iter().filter(|entry| !entry.empty_layer).count();
        let env = config.runtime.env.iter().filter_map(|text| text.split_once('=')).collect();
        let labels =
            config.runtime.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut next_layer = 0;
        let mut budget = limits::ASSIGNMENTS;
        let mut steps = Vec::with_capacity(config.history.len());
        for (index, entry) in config.history.iter().enumerate() {
            let layer = (made == layers && !entry.empty_layer).then_some(next_layer);
            next_layer += usize::from(!entry.empty_layer);
            let mut kind = StepKind::parse(&entry.created_by, &env, &labels);
            kind.spend(&mut budget);
            steps.push(Step { index, layer, created_by: entry.created_by.clone(), kind });
        }
        let mut warnings = count_warnings(config, made, layers);
        if budget == 0 {
            let most = limits::ASSIGNMENTS;
            warnings.push(format!(
                "the history sets {most} values or more; steps behind them are read as text only"
            ));
        }
        Self { steps, warnings }
    }

    /// The step that made a layer, where that is certain.
    pub fn step_of_layer(&self, layer: usize) -> Option<&Step> {
        self.steps.iter().find(|step| step.layer == Some(layer))
    }
}

impl Step {
    /// The instruction that it records, without what builders write around one.
    pub fn instruction(&self) -> &str {
        let text = StepKind::plain(&self.created_by);
        no_operation(text).unwrap_or(text)
    }
}

fn count_warnings(config: &ImageConfig, made: usize, layers: usize) -> Vec<String> {
    let mut warnings = Vec::new();
    // Images without any history are common (bazel, nix) and nothing to wonder at.
    if made != layers && !config.history.is_empty() {
        warnings.push(format!(
            "the history does not add up: {made} of its {} steps made a layer, and the image has {layers}; \
             no layer is shown with a step",
            config.history.len()
        ));
    }
    let diff_ids = config.diff_ids.len();
    if diff_ids != layers && diff_ids != 0 {
        warnings.push(format!("the config names {diff_ids} diff_ids, and the image has {layers} layers"));
    }
    warnings
}

impl StepKind {
    /// Keeps as many assignments as `budget` has left.
    fn spend(&mut self, budget: &mut usize) {
        if let Self::Run { args: pairs, .. } | Self::Env(pairs) | Self::Arg(pairs) | Self::Label(pairs) = self
        {
            pairs.truncate(*budget);
            *budget -= pairs.len();
        }
    }

    fn parse(created_by: &str, env: &Known<'_>, labels: &Known<'_>) -> Self {
        let text = Self::plain(created_by);
        if let Some(instruction) = no_operation(text) {
            return Self::of_instruction(instruction, true, env, labels).unwrap_or(Self::Other);
        }
        if text.starts_with('|') || shell_prefix(text).is_some() {
            return Self::run(text);
        }
        Self::of_instruction(text, false, env, labels).unwrap_or(Self::Other)
    }

    /// A recorded text without the mark of BuildKit.
    fn plain(created_by: &str) -> &str {
        let text = created_by.trim();
        text.strip_suffix("# buildkit").unwrap_or(text).trim_end()
    }

    /// The command of a RUN without the shell that ran it, where one did.
    pub fn without_shell(&self) -> Option<&str> {
        match self {
            Self::Run { command, .. } => shell_prefix(command),
            _ => None,
        }
    }

    fn run(text: &str) -> Self {
        let (args, command) = run_arguments(text);
        Self::Run { args, command: command.to_owned() }
    }

    /// A Dockerfile instruction. `any_case`: behind a mark of the builder it is one in any case; a bare
    /// text is taken for one in capitals only.
    fn of_instruction(text: &str, any_case: bool, env: &Known<'_>, labels: &Known<'_>) -> Option<Self> {
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        if !any_case && word.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return None;
        }
        Some(match word.to_ascii_uppercase().as_str() {
            "RUN" => Self::run(rest.trim_start()),
            "ENV" => Self::Env(assignments(rest, NameForm::Variable, true, env)),
            "ARG" => Self::Arg(assignments(rest, NameForm::Variable, false, env)),
            "LABEL" => Self::Label(assignments(rest, NameForm::Label, true, labels)),
            "COPY" => Self::Copy,
            "ADD" => Self::Add,
            "CMD" => Self::Cmd,
            "ENTRYPOINT" => Self::Entrypoint,
            "HEALTHCHECK" => Self::Healthcheck,
            "ONBUILD" => Self::Onbuild,
            "USER" => Self::User,
            "WORKDIR" => Self::Workdir,
            _ => return None,
        })
    }
}

/// The instruction behind `#(nop)`, by which builders mark a step that runs nothing. In front of it
/// stands the shell of the step (`/bin/sh -c`, or what SHELL made of it).
fn no_operation(text: &str) -> Option<&str> {
    let (shell, instruction) = text.split_once("#(nop)")?;
    let behind = shell_prefix(text)?;
    (shell.len() == text.len() - behind.len()).then(|| instruction.trim_start())
}

/// The text behind a shell and its options: `/bin/sh -c `, `cmd /S /C ` ….
fn shell_prefix(text: &str) -> Option<&str> {
    let (first, mut rest) = text.split_once(' ')?;
    if !is_shell(first) {
        return None;
    }
    while let Some((word, behind)) = rest.split_once(' ').filter(|(word, _)| is_shell_option(word)) {
        rest = behind.trim_start_matches(' ');
        if matches!(word.to_ascii_lowercase().as_str(), "-c" | "/c" | "-command") {
            return Some(rest);
        }
    }
    None
}

/// Whether a word is the path or name of a shell.
fn is_shell(word: &str) -> bool {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word).to_ascii_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    matches!(name, "cmd" | "powershell" | "pwsh") || (word.starts_with('/') && name.ends_with("sh"))
}

/// Whether a word behind a shell is one of its options, or the argument of one (`-o pipefail`).
fn is_shell_option(word: &str) -> bool {
    let short = word.len() <= 16 && word.bytes().skip(1).all(|byte| byte.is_ascii_alphanumeric());
    matches!(word, "pipefail" | "errexit" | "nounset" | "xtrace") || (short && word.starts_with(['-', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::config::HistoryEntry;

    fn kind(created_by: &str) -> StepKind {
        StepKind::parse(created_by, &Known::new(), &Known::new())
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<Assignment> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn run(args: &[(&str, &str)], command: &str) -> StepKind {
        StepKind::Run { args: owned(args), command: command.to_owned() }
    }

    #[test]
    fn reads_dockers_classic_steps() {
        assert_eq!(
            kind("/bin/sh -c #(nop)  ENV A=b c D=e"),
            StepKind::Env(owned(&[("A", "b c"), ("D", "e")]))
        );
        assert_eq!(kind("/bin/sh -e -c #(nop)  LABEL a=b"), StepKind::Label(owned(&[("a", "b")])));
        assert_eq!(kind("/bin/sh -c #(nop) COPY file:1a in /srv "), StepKind::Copy);
        assert_eq!(kind("/bin/sh -c #(nop) ADD file:1a in / "), StepKind::Add);
        assert_eq!(kind("/bin/sh -c #(nop)  CMD [\"a\"]"), StepKind::Cmd);
        assert_eq!(kind("/bin/sh -c #(nop)  EXPOSE 80"), StepKind::Other);
        assert_eq!(kind("cmd /S /C #(nop)  USER me"), StepKind::User);
        assert_eq!(kind("/bin/sh -c make"), run(&[], "/bin/sh -c make"));
        assert_eq!(kind("|1 A=b /bin/sh -c make"), run(&[("A", "b")], "/bin/sh -c make"));
    }

    #[test]
    fn reads_buildkits_steps() {
        let with_args = "RUN |1 TOKEN=abc /bin/sh -c make # buildkit";
        assert_eq!(kind(with_args), run(&[("TOKEN", "abc")], "/bin/sh -c make"));
        assert_eq!(kind("RUN /bin/sh -c make # buildkit"), run(&[], "/bin/sh -c make"));
        assert_eq!(kind("RUN make install # buildkit"), run(&[], "make install"));
        assert_eq!(kind("ENV A=two words"), StepKind::Env(owned(&[("A", "two words")])));
        assert_eq!(kind("ARG TOKEN=abc"), StepKind::Arg(owned(&[("TOKEN", "abc")])));
        assert_eq!(kind("ARG TOKEN"), StepKind::Arg(vec![]));
        assert_eq!(kind("COPY . /srv # buildkit"), StepKind::Copy);
        assert_eq!(kind("WORKDIR /srv"), StepKind::Workdir);
        assert_eq!(kind("ENTRYPOINT [\"/app\"]"), StepKind::Entrypoint);
        assert_eq!(kind("HEALTHCHECK &{[\"CMD\" \"true\"] \"0s\"}"), StepKind::Healthcheck);
        assert_eq!(kind("ONBUILD RUN x"), StepKind::Onbuild);
    }

    #[test]
    fn reads_kanikos_steps_and_leaves_others_alone() {
        assert_eq!(kind("ENV A=\"two words\""), StepKind::Env(owned(&[("A", "two words")])));
        assert_eq!(kind("RUN make"), run(&[], "make"));
        for other in
            ["umoci config", "jib-maven-plugin:3.4.0", "bazel build ...", "ko build", "nix2container"]
        {
            assert_eq!(kind(other), StepKind::Other, "{other}");
        }
        for odd in
            ["", " ", "#(nop)", "/bin/sh", "/bin/sh -c", "/bin/sh -c #(nop)", "RUN", "ENV", "|", "env A=b x"]
        {
            kind(odd);
        }
        let quoted_mark = "/bin/sh -c echo '#(nop) ENV A=b'";
        assert_eq!(kind(quoted_mark), run(&[], quoted_mark));
    }

    fn history(file: &str, layers: usize) -> History {
        let path = format!("{}/testdata/configs/{file}", env!("CARGO_MANIFEST_DIR"));
        History::of(&ImageConfig::parse(&std::fs::read(path).expect("a recorded config")), layers)
    }

    fn env_of(history: &History) -> Vec<Assignment> {
        let env = |step: &Step| if let StepKind::Env(pairs) = &step.kind { pairs.clone() } else { vec![] };
        history.steps.iter().flat_map(env).collect()
    }

    #[test]
    fn pairs_the_recorded_history_of_docker() {
        let history = history("docker-classic.json", 2);
        assert_eq!(history.warnings, Vec::<String>::new());
        let layers: Vec<_> = history.steps.iter().filter(|step| step.layer.is_some()).collect();
        assert_eq!(
            layers.iter().map(|step| &step.kind).collect::<Vec<_>>(),
            [&StepKind::Copy, &StepKind::Workdir]
        );
        assert_eq!(history.step_of_layer(1).map(|step| step.index), Some(11));
        let set = env_of(&history);
        for pair in
            [("QUOTED", "two words"), ("TOKEN_FROM", "arg with spaces"), ("LEGACY", "three words here")]
        {
            assert!(set.contains(&owned(&[pair])[0]), "{}", pair.0);
        }
        let args = [("GREETING", "hi"), ("TOKEN", "arg with spaces")];
        assert!(history.steps.iter().any(|step| step.kind == run(&args, "/bin/sh -e -c echo second")));
    }

    #[test]
    fn pairs_the_recorded_history_of_buildah_and_umoci() {
        let layered = history("buildah-layers.json", 3);
        assert_eq!(layered.warnings, Vec::<String>::new());
        let step = layered.step_of_layer(1).expect("a step");
        let args = [("GREETING", "hi"), ("TOKEN", "arg with spaces")];
        assert_eq!(step.kind, run(&args, "/bin/sh -c echo \"$TOKEN\" > /out"));
        let expected = [
            ("PLAIN", "one"),
            ("QUOTED", "two words"),
            ("TOKEN_FROM", "$TOKEN"),
            ("LEGACY", "three words here"),
            ("PLAIN", "replaced"),
        ];
        assert_eq!(env_of(&layered), owned(&expected));
        let single = history("buildah-single.json", 1);
        assert_eq!(single.step_of_layer(0).map(|step| &step.kind), Some(&StepKind::Cmd));
        let umoci = history("umoci.json", 1);
        assert_eq!(umoci.step_of_layer(0).map(|step| step.created_by.as_str()), Some("umoci insert"));
    }

    #[test]
    fn assignments_are_bounded_and_the_bound_is_told() {
        let created_by = format!("ENV {}", "A=b ".repeat(limits::ASSIGNMENTS * 2 / 3));
        let entry =
            || HistoryEntry { created_by: created_by.clone(), empty_layer: true, ..HistoryEntry::default() };
        let config = ImageConfig { history: vec![entry(), entry()], ..ImageConfig::default() };
        let history = History::of(&config, 0);
        assert_eq!(env_of(&history).len(), limits::ASSIGNMENTS);
        assert!(history.warnings.iter().any(|warning| warning.contains("as text only")));
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in r#"(\|[0-9]? ?|RUN |ENV |/bin/sh -c (#\(nop\) )?)?([A-C]=|["' \\=|]|\pL|/bin/sh|-c|#){0,24}"#) {
            let known = Known::from([("A", "B=\u{e9} C"), ("B", "")]);
            let kind = StepKind::parse(&text, &known, &known);
            if let StepKind::Env(pairs) | StepKind::Run { args: pairs, .. } = kind {
                // A value is a piece of the text, but for quotes and the backslashes in them.
                let plain = |text: &str| text.replace(['\\', '"', '\''], "");
                for (_, value) in pairs {
                    proptest::prop_assert!(plain(&text).contains(&plain(&value)));
                }
            }
        }
    }

    #[test]
    fn counts_that_differ_pair_nothing_and_warn() {
        for layers in [1, 3] {
            let history = history("docker-classic.json", layers);
            assert!(history.steps.iter().all(|step| step.layer.is_none()));
            assert_eq!(history.warnings.len(), 2);
            assert!(history.warnings[0].contains("2 of its 20 steps"));
        }
        assert_eq!(History::of(&ImageConfig::default(), 3), History::default());
    }
}
