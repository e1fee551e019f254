//! A bare reference: the first of the engines and the registry that has it.
//!
//! By default the engines are asked first, since an image that was just built is only there. A digest is
//! the same anywhere, so its registry comes first, and the engines only when that fails. An engine that is
//! absent, hangs or lacks the image costs a note and [`LOCAL_ENGINES`] at most. Only where nothing else is
//! asked next is an engine waited for as if it had been named.

use std::time::{Duration, Instant};

use oci_client::Reference;

use super::daemon::{engine_settings, locate, opened};
use super::{Access, Opened, Origin, SourceError};
use crate::engine::{Engine, EngineError, Variables};
use crate::limits::LOCAL_ENGINES;
use crate::report::model::SourceKind;

/// Opens an image wherever it is found first. `text` is the reference as it was typed: engines have
/// their own ways with short names.
pub(super) fn open(text: &str, reference: &Reference, access: &Access) -> Result<Opened, SourceError> {
    let search = Search {
        text,
        reference,
        access,
        variables: &|name| std::env::var_os(name),
        registry: &super::registry::open,
    };
    search.open()
}

/// One search, and what it needs of the world.
struct Search<'a> {
    text: &'a str,
    reference: &'a Reference,
    access: &'a Access,
    variables: Variables<'a>,
    registry: &'a dyn Fn(&Reference, &Access) -> Result<Opened, SourceError>,
}

/// One that was asked in vain.
enum Miss {
    Registry(SourceError),
    Engine(SourceKind, EngineError),
}

/// An engine of the order, found or not, but not asked yet.
type Located = (SourceKind, Result<Engine, EngineError>);

impl Search<'_> {
    fn open(&self) -> Result<Opened, SourceError> {
        let mut steps: Vec<Option<Located>> =
            self.order().iter().map(|origin| self.locate(*origin)).collect();
        let mut left = LOCAL_ENGINES;
        let mut misses = Vec::new();
        while !steps.is_empty() {
            // The engines that are there share what is left of the time.
            let there = steps.iter().flatten().filter(|(_, engine)| engine.is_ok()).count();
            let step = steps.remove(0);
            let asked = Instant::now();
            let result = match step {
                None => self.ask_registry(&misses),
                Some(engine) => {
                    let share = left / u32::try_from(there.max(1)).unwrap_or(u32::MAX);
                    let limit = if steps.is_empty() { self.access.engines.timeout } else { share };
                    let result = self.ask_engine(engine, limit, &misses);
                    left = left.saturating_sub(asked.elapsed());
                    result
                }
            };
            match result {
                Ok(opened) => return Ok(opened),
                Err(miss) => misses.push(miss),
            }
        }
        Err(self.failure(misses))
    }

    fn order(&self) -> &[Origin] {
        match (self.access.order.as_slice(), self.reference.digest()) {
            ([], Some(_)) => &[Origin::Registry, Origin::Docker, Origin::Podman],
            ([], None) => &[Origin::Docker, Origin::Podman, Origin::Registry],
            (order, _) => order,
        }
    }

    /// The engine of this origin; `None` for the registry.
    fn locate(&self, origin: Origin) -> Option<Located> {
        let kind = match origin {
            Origin::Docker => SourceKind::DockerDaemon,
            Origin::Podman => SourceKind::Podman,
            Origin::Registry => return None,
        };
        Some((kind, locate(kind, self.variables)))
    }

    fn ask_engine(&self, engine: Located, limit: Duration, misses: &[Miss]) -> Result<Opened, Miss> {
        let (kind, engine) = engine;
        let settings = engine_settings(self.access);
        let found = engine.and_then(|engine| engine.find(self.text, &settings, limit));
        let found = found.map_err(|error| Miss::Engine(kind, error))?;
        let odd: Vec<String> = misses.iter().filter(|miss| miss.is_odd()).map(Miss::brief).collect();
        if !odd.is_empty() {
            let note = format!("{} was found in {} ({})", self.text, word(kind), odd.join("; "));
            self.access.notes.add(note);
        }
        Ok(opened(found, self.text, kind, &self.access.notes))
    }

    fn ask_registry(&self, misses: &[Miss]) -> Result<Opened, Miss> {
        if self.access.offline {
            let error = format!("--offline keeps keyseam from asking the registry of {}", self.text);
            return Err(Miss::Registry(SourceError::Invalid(error)));
        }
        if !misses.is_empty() {
            self.access.notes.add(format!("{}: asking the registry", self.nowhere(misses)));
        }
        (self.registry)(self.reference, self.access).map_err(Miss::Registry)
    }

    fn nowhere(&self, misses: &[Miss]) -> String {
        let engines = misses.iter().filter(|miss| matches!(miss, Miss::Engine(..)));
        let why: Vec<String> = engines.map(Miss::brief).collect();
        format!("no local engine has {} ({})", self.text, why.join("; "))
    }

    /// The error of a search in vain: the registry's, if it was asked, since it has most to say.
    fn failure(&self, mut misses: Vec<Miss>) -> SourceError {
        let registry = misses.iter().position(|miss| matches!(miss, Miss::Registry(_)));
        match (registry.map(|at| misses.remove(at)), misses.as_slice()) {
            (Some(Miss::Registry(error)), []) => error,
            (Some(Miss::Registry(error)), engines) if self.access.offline => {
                SourceError::Invalid(format!("{}, and {error}", self.nowhere(engines)))
            }
            (Some(Miss::Registry(error)), engines) => {
                if self.order().first() == Some(&Origin::Registry) {
                    self.access.notes.add(self.nowhere(engines));
                }
                error
            }
            (_, [Miss::Engine(_, error)]) => SourceError::Invalid(error.to_string()),
            (_, engines) => SourceError::Invalid(self.nowhere(engines)),
        }
    }
}

impl Miss {
    /// Why, in a few words of our own.
    fn brief(&self) -> String {
        match self {
            Self::Registry(_) => "its registry did not give it".to_owned(),
            Self::Engine(kind, error) => format!("{}: {}", word(*kind), error.brief()),
        }
    }

    /// Whether the user would want to know, though the image was found elsewhere.
    fn is_odd(&self) -> bool {
        !matches!(self, Self::Engine(_, EngineError::Absent { .. } | EngineError::NoImage { .. }))
    }
}

fn word(kind: SourceKind) -> &'static str {
    if kind == SourceKind::Podman { "podman" } else { "docker" }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::ffi::OsString;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use super::*;

    /// A search with one socket for Docker and one for podman, and a registry that counts.
    struct World {
        folder: tempfile::TempDir,
        access: Access,
        has_registry: bool,
        asked: Cell<usize>,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            Self { folder, access: Access::default(), has_registry: true, asked: Cell::new(0) }
        }

        fn socket(&self, name: &str) -> std::path::PathBuf {
            self.folder.path().join(name)
        }

        fn open(&self, text: &str) -> Result<Opened, String> {
            let variables = |name: &str| match name {
                "DOCKER_HOST" => Some(address(&self.socket("docker"))),
                "CONTAINER_HOST" => Some(address(&self.socket("podman"))),
                _ => None,
            };
            let registry = |_: &Reference, _: &Access| {
                self.asked.set(self.asked.get() + 1);
                match self.has_registry {
                    true => Ok(super::super::open_stream(std::io::empty(), "registry", None)),
                    false => Err(SourceError::Invalid("the registry's words".to_owned())),
                }
            };
            let reference: Reference = text.parse().expect("a reference");
            let search = Search {
                text,
                reference: &reference,
                access: &self.access,
                variables: &variables,
                registry: &registry,
            };
            search.open().map_err(|error| error.to_string())
        }

        fn notes(&self) -> String {
            self.access.notes.take().join("\n")
        }
    }

    fn address(socket: &Path) -> OsString {
        format!("unix://{}", socket.display()).into()
    }

    /// An engine that gives every question the same answer. It ends with the test's process.
    fn engine(socket: &Path, status: &'static str, body: String) {
        let listener = UnixListener::bind(socket).expect("a socket");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut head = [0; 4096];
                let _ = stream.read(&mut head);
                let status = if head.starts_with(b"GET /_ping") { "200 OK" } else { status };
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                );
                let _ = stream.write_all(answer.as_bytes());
            }
        });
    }

    fn image() -> String {
        format!(r#"{{"Id":"sha256:{}"}}"#, "ab".repeat(32))
    }

    const MISSING: &str = r#"{"message":"No such image: app:1"}"#;

    #[test]
    fn the_registry_is_asked_when_no_engine_has_it() {
        let world = World::new();
        engine(&world.socket("podman"), "404 Not Found", MISSING.to_owned());
        assert!(world.open("app:1").is_ok());
        assert_eq!(
            world.notes(),
            "no local engine has app:1 (docker: cannot be reached; podman: has no such image): asking the registry"
        );
        assert_eq!(world.asked.get(), 1);
    }

    #[test]
    fn an_engine_that_has_it_is_enough() {
        let world = World::new();
        engine(&world.socket("podman"), "200 OK", image());
        assert!(world.open("app:1").is_ok());
        assert_eq!(world.asked.get(), 0);
        assert_eq!(world.notes(), "app:1 was found in podman (docker: cannot be reached)");
    }

    #[test]
    fn engines_that_hang_are_left_in_time() {
        let world = World::new();
        let _hanging = ["docker", "podman"].map(|name| UnixListener::bind(world.socket(name)));
        let start = Instant::now();
        assert!(world.open("app:1").is_ok());
        assert!(start.elapsed() < LOCAL_ENGINES + Duration::from_secs(3), "{:?}", start.elapsed());
        let notes = world.notes();
        assert!(notes.contains("docker: no answer within 1.0 s; podman: no answer within"), "{notes}");
    }

    #[test]
    fn a_digest_is_asked_of_its_registry_first() {
        let digest = format!("app@sha256:{}", "ab".repeat(32));
        let mut world = World::new();
        engine(&world.socket("docker"), "200 OK", image());
        assert!(world.open(&digest).is_ok());
        assert_eq!((world.asked.get(), world.notes().as_str()), (1, ""));
        world.has_registry = false;
        assert!(world.open(&digest).is_ok());
        assert_eq!(world.notes(), format!("{digest} was found in docker (its registry did not give it)"));
        let world = World { has_registry: false, ..World::new() };
        assert_eq!(world.open(&digest).map(drop), Err("the registry's words".to_owned()));
        assert!(world.notes().starts_with(&format!("no local engine has {digest} (docker: ")));
    }

    #[test]
    fn the_order_given_is_kept_to() {
        let mut world = World::new();
        world.access.order = vec![Origin::Docker];
        let error = world.open("app:1").map(drop).expect_err("no engine");
        assert!(error.starts_with("Docker (unix://") && error.contains("cannot be reached"), "{error}");
        world.access.order = vec![Origin::Podman, Origin::Docker];
        let error = world.open("app:1").map(drop).expect_err("no engine");
        assert!(error.starts_with("no local engine has app:1 (podman: cannot"), "{error}");
        assert_eq!(world.asked.get(), 0);
        engine(&world.socket("docker"), "200 OK", image());
        world.access.order = vec![Origin::Registry, Origin::Docker];
        assert!(world.open("app:1").is_ok());
        assert_eq!(world.asked.get(), 1);
    }

    #[test]
    fn offline_asks_no_registry_and_says_so() {
        let mut world = World::new();
        world.access.offline = true;
        let error = world.open("app:1").map(drop).expect_err("nowhere");
        assert!(error.ends_with("and --offline keeps keyseam from asking the registry of app:1"), "{error}");
        assert_eq!((world.asked.get(), world.notes().as_str()), (0, ""));
        engine(&world.socket("docker"), "200 OK", image());
        assert!(world.open("app:1").is_ok());
    }
}
