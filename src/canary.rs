//! A build command with values made up in place of what it is given: if one of them stands in the image, so would the
//! real one. `keyseam build-check` runs the command and looks for them.

use std::path::{Path, PathBuf};

/// What a canary stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value of `--build-arg`.
    Argument,
    /// A secret of `--secret`.
    Secret,
}

/// A value that was made up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    /// The argument's name, or the secret's id.
    pub name: String,
    /// What it stands for.
    pub kind: Kind,
    /// The value: it opens nothing.
    pub value: String,
}

/// Whose store an image goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// The Docker engine's.
    Docker,
    /// That of podman and buildah.
    Podman,
}

/// Where the image is once it is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Built {
    /// In a store, under the id that stands in the file.
    Id(Store),
    /// In an archive.
    Archive,
}

/// A command that can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// What is looked for.
    pub canaries: Vec<Canary>,
    /// Files of secrets, each to be written before with the value of its canary.
    pub files: Vec<(PathBuf, String)>,
    /// Where the image will be.
    pub built: Built,
    /// The file of its id, or the archive.
    pub result: PathBuf,
    /// What was left out of the command.
    pub left_out: Vec<&'static str>,
}

/// Why a command cannot be checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No known builder.
    #[error("a build command begins with docker build, docker buildx build, podman build or buildah build")]
    Builder,
    /// Nothing to look for.
    #[error("there is nothing to check: the command has neither --build-arg nor --secret, or keeps them all")]
    Nothing,
    /// An option without its value.
    #[error("the value of {0} is missing")]
    Value(&'static str),
    /// The image would go where it is not read.
    #[error(
        "--output {0}: the image has to be read; leave --output out, or use type=oci,dest=FILE or type=docker,dest=FILE"
    )]
    Output(String),
}

impl Plan {
    /// A command with canaries in place of its build arguments, but for those in `keep`, and of its secrets. Names that
    /// the image would get, and pushes, are left out: nobody is to use an image with canaries in it. `file` makes
    /// up the paths of files beside each other, `value` the values.
    ///
    /// # Errors
    /// When it is no build command of a known builder, or there is nothing to look for.
    pub fn of(
        words: &[String],
        keep: &[String],
        file: &dyn Fn(&str) -> PathBuf,
        value: &mut dyn FnMut() -> String,
    ) -> Result<Self, PlanError> {
        let (store, front) = builder(words).ok_or(PlanError::Builder)?;
        let (head, options) = words.split_at(front);
        let result = file("image");
        let mut plan = Self {
            words: head.to_vec(),
            canaries: Vec::new(),
            files: Vec::new(),
            built: Built::Id(store),
            result,
            left_out: Vec::new(),
        };
        let mut options = options.iter();
        while let Some(word) = options.next() {
            let (name, mut given) = match word.split_once('=').filter(|_| word.starts_with("--")) {
                Some((name, given)) => (name, Some(given.to_owned())),
                None => (word.as_str(), None),
            };
            let mut taken =
                |option| given.take().or_else(|| options.next().cloned()).ok_or(PlanError::Value(option));
            match name {
                "--build-arg" => {
                    let argument = plan.argument(&taken("--build-arg")?, keep, value);
                    plan.words.extend(["--build-arg".to_owned(), argument]);
                }
                "--secret" => {
                    let secret = plan.secret(&taken("--secret")?, file, value);
                    plan.words.extend(["--secret".to_owned(), secret]);
                }
                "-t" | "--tag" => {
                    taken("--tag")?;
                    plan.left_out.push("--tag");
                }
                "--iidfile" => drop(taken("--iidfile")?),
                "--push" => plan.left_out.push("--push"),
                "-o" | "--output" => {
                    let output = taken("--output")?;
                    let kind = output.split(',').find_map(|part| part.strip_prefix("type="));
                    let kind = kind.filter(|kind| matches!(*kind, "oci" | "docker"));
                    let has_file = output.split(',').any(|part| part.starts_with("dest="));
                    let kind = kind.filter(|_| has_file).ok_or_else(|| PlanError::Output(output.clone()))?;
                    plan.words.extend([
                        "--output".to_owned(),
                        format!("type={kind},dest={}", plan.result.display()),
                    ]);
                    plan.built = Built::Archive;
                }
                _ => plan.words.push(word.clone()),
            }
        }
        if plan.canaries.is_empty() {
            return Err(PlanError::Nothing);
        }
        if plan.built != Built::Archive {
            // In front of the context, which stands last.
            plan.words.splice(front..front, ["--iidfile".to_owned(), plan.result.display().to_string()]);
        }
        plan.left_out.sort_unstable();
        plan.left_out.dedup();
        Ok(plan)
    }

    fn argument(&mut self, given: &str, keep: &[String], value: &mut dyn FnMut() -> String) -> String {
        let name = given.split('=').next().unwrap_or_default();
        if keep.iter().any(|kept| kept == name) {
            return given.to_owned();
        }
        let canary = self.canary(name, Kind::Argument, value);
        format!("{name}={canary}")
    }

    fn secret(
        &mut self,
        given: &str,
        file: &dyn Fn(&str) -> PathBuf,
        value: &mut dyn FnMut() -> String,
    ) -> String {
        let id = given.split(',').find_map(|part| part.strip_prefix("id=")).unwrap_or(given);
        let canary = self.canary(id, Kind::Secret, value);
        let path = file(&format!("secret-{}", self.files.len()));
        let option = format!("id={id},src={}", path.display());
        self.files.push((path, canary));
        option
    }

    fn canary(&mut self, name: &str, kind: Kind, value: &mut dyn FnMut() -> String) -> String {
        // An argument that is given twice is one.
        if let Some(known) = self.canaries.iter().find(|known| known.name == name && known.kind == kind) {
            return known.value.clone();
        }
        let value = value();
        self.canaries.push(Canary { name: name.to_owned(), kind, value: value.clone() });
        value
    }
}

/// The store that a builder's images go to, and how many words its command has.
fn builder(words: &[String]) -> Option<(Store, usize)> {
    let program = Path::new(words.first()?).file_name()?.to_str()?;
    let word = |at: usize| words.get(at).map(String::as_str);
    let is_build = |at: usize| matches!(word(at), Some("build" | "b"));
    let nested = |at: usize| matches!(word(at), Some("buildx" | "image" | "builder"));
    let front = match program {
        "buildah" => matches!(word(1), Some("bud" | "build" | "build-using-dockerfile")).then_some(2),
        "docker" | "podman" if is_build(1) => Some(2),
        "docker" | "podman" if nested(1) && is_build(2) => Some(3),
        _ => None,
    }?;
    Some((if program == "docker" { Store::Docker } else { Store::Podman }, front))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(line: &str, keep: &[&str]) -> Result<Plan, PlanError> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let keep: Vec<String> = keep.iter().map(|name| (*name).to_owned()).collect();
        let mut number = 0;
        let mut value = || {
            number += 1;
            format!("canary{number}")
        };
        Plan::of(&words, &keep, &|name| PathBuf::from(format!("/tmp/{name}")), &mut value)
    }

    fn line(plan: &Plan) -> String {
        plan.words.join(" ")
    }

    #[test]
    fn arguments_and_secrets_get_values_that_were_made_up() {
        let plan = plan(
            "docker build -t app:1 --build-arg TOKEN=real --build-arg=VERSION=1 --build-arg FROM_ENV --secret id=npm,src=.npmrc --secret=id=gh,env=GH_TOKEN -f x/Dockerfile --push .",
            &["VERSION"],
        );
        let plan = plan.expect("a plan");
        assert_eq!(
            line(&plan),
            "docker build --iidfile /tmp/image --build-arg TOKEN=canary1 --build-arg VERSION=1 --build-arg FROM_ENV=canary2 --secret id=npm,src=/tmp/secret-0 --secret id=gh,src=/tmp/secret-1 -f x/Dockerfile ."
        );
        let names: Vec<(&str, Kind)> =
            plan.canaries.iter().map(|one| (one.name.as_str(), one.kind)).collect();
        let expected = [
            ("TOKEN", Kind::Argument),
            ("FROM_ENV", Kind::Argument),
            ("npm", Kind::Secret),
            ("gh", Kind::Secret),
        ];
        assert_eq!(names, expected);
        assert_eq!(plan.files[1], (PathBuf::from("/tmp/secret-1"), "canary4".to_owned()));
        assert_eq!((plan.built, plan.left_out), (Built::Id(Store::Docker), vec!["--push", "--tag"]));
    }

    #[test]
    fn an_image_goes_to_a_store_or_an_archive_of_ours() {
        let line_of = |text: &str| plan(text, &[]).map(|plan| (line(&plan), plan.built));
        assert_eq!(
            line_of("buildah bud --build-arg A=1 ."),
            Ok((
                "buildah bud --iidfile /tmp/image --build-arg A=canary1 .".to_owned(),
                Built::Id(Store::Podman)
            ))
        );
        assert_eq!(
            line_of(
                "/usr/bin/docker buildx build --output type=oci,dest=out.tar,compression=zstd --build-arg A=1 ."
            ),
            Ok((
                "/usr/bin/docker buildx build --output type=oci,dest=/tmp/image --build-arg A=canary1 ."
                    .to_owned(),
                Built::Archive
            ))
        );
        let refused = plan("docker build --build-arg A=1 -o type=registry .", &[]);
        assert_eq!(refused, Err(PlanError::Output("type=registry".to_owned())));
    }

    #[test]
    fn what_cannot_be_checked_is_said() {
        for (text, expected) in [
            ("make image", PlanError::Builder),
            ("docker run x", PlanError::Builder),
            ("docker", PlanError::Builder),
            ("docker build .", PlanError::Nothing),
            ("docker build --build-arg", PlanError::Value("--build-arg")),
        ] {
            assert_eq!(plan(text, &[]), Err(expected), "{text}");
        }
        assert_eq!(plan("podman build --build-arg A=1 .", &["A"]), Err(PlanError::Nothing));
    }
}
