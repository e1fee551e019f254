//! Where Docker's engine listens, found as the Docker command line finds it: `DOCKER_HOST`, else the
//! context (`DOCKER_CONTEXT`, or `currentContext` of the settings), else the usual sockets. Docker
//! Desktop, colima and OrbStack are contexts.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::endpoint::{Endpoint, Tls};
use super::error::EngineError;
use crate::image::digest::Digest;
use crate::limits::ENGINE_FILE;

/// A look at the environment: the value of a variable.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The context that stands for no context.
const DEFAULT_CONTEXT: &str = "default";

/// The places to ask, in this order; none where there is no sign of an engine.
///
/// # Errors
/// When the environment or a context names one that cannot be used.
pub(super) fn endpoints(variables: Variables<'_>) -> Result<Vec<Endpoint>, EngineError> {
    if let Some(host) = text(variables, "DOCKER_HOST") {
        let is_socket = host.trim().starts_with("unix://");
        let tls = if is_socket { None } else { tls_of_environment(variables)? };
        return Ok(vec![Endpoint::parse(&host, tls, "DOCKER_HOST")?]);
    }
    match context(variables)? {
        Some((name, origin)) => Ok(vec![endpoint_of_context(variables, &name, origin)?]),
        None => Ok(sockets(variables).into_iter().filter(|path| path.exists()).map(Endpoint::unix).collect()),
    }
}

/// Where Docker's sockets are when nobody says: of the system, rootless, of Docker Desktop.
pub(super) fn sockets(variables: Variables<'_>) -> Vec<PathBuf> {
    let runtime = variables("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    let home = variables("HOME").filter(|folder| !folder.is_empty());
    let system = Some(PathBuf::from("/var/run/docker.sock"));
    let rootless = runtime.map(|folder| Path::new(&folder).join("docker.sock"));
    let desktop = home.map(|folder| Path::new(&folder).join(".docker/run/docker.sock"));
    [system, rootless, desktop].into_iter().flatten().collect()
}

/// A variable's text; an empty one counts as none, as it does for Docker.
pub(super) fn text(variables: Variables<'_>, name: &str) -> Option<String> {
    let value = variables(name)?.to_string_lossy().into_owned();
    Some(value).filter(|value| !value.trim().is_empty())
}

/// The folder of Docker's own files; none where nothing tells.
pub(crate) fn docker_folder(variables: Variables<'_>) -> Option<PathBuf> {
    let set = |name| variables(name).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    set("DOCKER_CONFIG").or_else(|| Some(set("HOME")?.join(".docker")))
}

fn folder(variables: Variables<'_>) -> PathBuf {
    docker_folder(variables).unwrap_or_else(|| PathBuf::from(".docker"))
}

/// TLS for `DOCKER_HOST`. Without `DOCKER_TLS_VERIFY` and `DOCKER_TLS` there is none, whatever files
/// there are.
fn tls_of_environment(variables: Variables<'_>) -> Result<Option<Tls>, EngineError> {
    let verify = text(variables, "DOCKER_TLS_VERIFY").is_some();
    if !verify && text(variables, "DOCKER_TLS").is_none() {
        return Ok(None);
    }
    let set = variables("DOCKER_CERT_PATH").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let files = set.unwrap_or_else(|| folder(variables));
    let tls = Tls { verify, ..tls_of_files(&files)? };
    if verify && tls.ca.is_none() {
        let path = files.join("ca.pem");
        return Err(EngineError::Setup(format!(
            "DOCKER_TLS_VERIFY needs the CA certificate {}, which is not there (DOCKER_CERT_PATH names its folder)",
            path.display()
        )));
    }
    Ok(Some(tls))
}

/// What is there of `ca.pem`, `cert.pem` and `key.pem`.
fn tls_of_files(folder: &Path) -> Result<Tls, EngineError> {
    let ca = read(&folder.join("ca.pem"))?.map(|pem| pem.to_vec());
    let (cert, key) = (read(&folder.join("cert.pem"))?, read(&folder.join("key.pem"))?);
    let identity = match (cert, key) {
        (Some(cert), Some(key)) => Some(Zeroizing::new([&cert[..], b"\n", &key[..]].concat())),
        (None, None) => None,
        _ => {
            return Err(EngineError::Setup(format!(
                "of cert.pem and key.pem in {} only one is there: both are needed, or neither",
                folder.display()
            )));
        }
    };
    Ok(Tls { ca, identity, verify: true })
}

/// The context in use and what names it, unless it is the default one.
fn context(variables: Variables<'_>) -> Result<Option<(String, &'static str)>, EngineError> {
    #[derive(Deserialize)]
    struct Config {
        #[serde(rename = "currentContext")]
        current_context: Option<String>,
    }
    let (name, origin) = match text(variables, "DOCKER_CONTEXT") {
        Some(name) => (Some(name), "DOCKER_CONTEXT"),
        None => {
            let config: Option<Config> = read_json(&folder(variables).join("config.json"))?;
            (config.and_then(|config| config.current_context), "currentContext of Docker's config.json")
        }
    };
    let named = name.filter(|name| !name.is_empty() && name != DEFAULT_CONTEXT);
    Ok(named.map(|name| (name, origin)))
}

/// The address of a context. Docker keeps each in a folder that is called by the digest of its name.
fn endpoint_of_context(
    variables: Variables<'_>,
    name: &str,
    origin: &'static str,
) -> Result<Endpoint, EngineError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Meta {
        #[serde(default)]
        endpoints: Endpoints,
    }
    #[derive(Default, Deserialize)]
    struct Endpoints {
        docker: Option<Docker>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Docker {
        host: Option<String>,
        #[serde(rename = "SkipTLSVerify", default)]
        skip_tls_verify: bool,
    }
    let contexts = folder(variables).join("contexts");
    let digest = Digest::sha256_of(name.as_bytes());
    let path = contexts.join("meta").join(digest.hex()).join("meta.json");
    let meta: Option<Meta> = read_json(&path)?;
    let missing = |what: &str| {
        EngineError::Setup(format!(
            "{origin} names the Docker context '{name}', {what} (docker context ls lists them)"
        ))
    };
    let docker = meta.ok_or_else(|| missing("which does not exist"))?.endpoints.docker;
    let docker = docker.ok_or_else(|| missing("which has no Docker engine"))?;
    let Some(host) = docker.host.filter(|host| !host.is_empty()) else {
        return Err(missing("which has no address"));
    };
    let files = tls_of_files(&contexts.join("tls").join(digest.hex()).join("docker"))?;
    let has_files = files.ca.is_some() || files.identity.is_some();
    let tls = Tls { verify: !docker.skip_tls_verify, ..files };
    let tls = Some(tls).filter(|_| has_files || docker.skip_tls_verify);
    Endpoint::parse(&host, tls, &format!("the Docker context '{name}'"))
}

/// A JSON file; `None` where there is none.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, EngineError> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    let parsed = serde_json::from_slice(&bytes);
    // serde's words repeat values of the file, which holds credentials.
    parsed.map(Some).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        EngineError::Setup(format!(
            "{} is no file of Docker's settings (line {line}, column {column})",
            path.display()
        ))
    })
}

/// A file, bounded; `None` where there is none.
fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, EngineError> {
    let failed = |why: String| EngineError::Setup(format!("{} cannot be read: {why}", path.display()));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(ENGINE_FILE + 1).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > ENGINE_FILE {
        return Err(failed(format!("it has more than {ENGINE_FILE} bytes")));
    }
    Ok(Some(bytes))
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    struct Home {
        folder: tempfile::TempDir,
        variables: BTreeMap<String, String>,
    }

    impl Home {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let home = folder.path().display().to_string();
            Self { folder, variables: BTreeMap::from([("HOME".to_owned(), home)]) }
        }

        fn set(&mut self, name: &str, value: &str) -> &mut Self {
            self.variables.insert(name.to_owned(), value.to_owned());
            self
        }

        fn file(&self, path: &str, content: &str) -> &Self {
            let path = self.folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, content).expect("a file");
            self
        }

        /// A context as Docker writes it; the folder is the digest that `docker context create` gave.
        fn context(&self, host: &str) -> &Self {
            // sha256 of "colima"
            let folder = "f24fd3749c1368328e2b149bec149cb6795619f244c5b584e844961215dadd16";
            let meta = format!(
                r#"{{"Name":"colima","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":false}}}}}}"#
            );
            self.file(&format!(".docker/contexts/meta/{folder}/meta.json"), &meta)
        }

        fn endpoints(&self) -> Result<Vec<String>, String> {
            let variables = |name: &str| self.variables.get(name).map(OsString::from);
            let endpoints = endpoints(&variables).map_err(|error| error.to_string())?;
            Ok(endpoints.iter().map(Endpoint::to_string).collect())
        }

        fn error(&self) -> String {
            self.endpoints().expect_err("an error")
        }
    }

    #[test]
    fn the_variable_wins_over_the_context_and_the_context_over_the_sockets() {
        let mut home = Home::new();
        home.context("unix:///c.sock").file(".docker/config.json", r#"{"currentContext":"colima"}"#);
        assert_eq!(home.endpoints(), Ok(vec!["unix:///c.sock".to_owned()]));
        home.set("DOCKER_CONTEXT", "default").set("XDG_RUNTIME_DIR", "/nowhere");
        assert!(home.endpoints().is_ok_and(|all| !all.contains(&"unix:///c.sock".to_owned())));
        home.set("DOCKER_CONTEXT", "colima");
        assert_eq!(home.endpoints(), Ok(vec!["unix:///c.sock".to_owned()]));
        home.set("DOCKER_HOST", "unix:///h.sock");
        assert_eq!(home.endpoints(), Ok(vec!["unix:///h.sock".to_owned()]));
    }

    #[test]
    fn the_sockets_of_the_user_are_known() {
        let mut home = Home::new();
        let runtime = home.folder.path().join("run").display().to_string();
        home.set("XDG_RUNTIME_DIR", &runtime).file("run/docker.sock", "");
        home.file(".docker/run/docker.sock", "");
        let found = home.endpoints().expect("sockets");
        let of_home: Vec<&String> = found.iter().filter(|path| path.contains(&runtime[..8])).collect();
        let root = home.folder.path().display();
        let desktop = format!("unix://{root}/.docker/run/docker.sock");
        assert!(of_home.ends_with(&[&format!("unix://{runtime}/docker.sock"), &desktop]), "{found:?}");
    }

    #[test]
    fn a_context_that_does_not_exist_is_named() {
        let mut home = Home::new();
        home.set("DOCKER_CONTEXT", "gone");
        let error = home.error();
        assert!(
            error.contains("DOCKER_CONTEXT") && error.contains("'gone', which does not exist"),
            "{error}"
        );
        let home = Home::new();
        home.file(".docker/config.json", r#"{"currentContext":"gone"}"#);
        assert!(home.error().starts_with("currentContext of Docker's config.json"), "{}", home.error());
        let home = Home::new();
        home.file(".docker/config.json", r#"{"currentContext":"colima"}"#).context("ssh://me@host");
        assert!(
            home.error().starts_with("the Docker context 'colima' leads through ssh"),
            "{}",
            home.error()
        );
    }

    #[test]
    fn settings_that_cannot_be_read_are_an_error_that_repeats_nothing_of_them() {
        let home = Home::new();
        let token = ["dG9r", "ZW4="].concat();
        home.file(".docker/config.json", &format!(r#"{{"auths":{{}},"currentContext":["{token}"]}}"#));
        assert!(home.error().contains("config.json") && !home.error().contains(&token), "{}", home.error());
    }

    #[test]
    fn tls_is_on_when_docker_has_it_on() {
        let mut home = Home::new();
        home.set("DOCKER_HOST", "tcp://host").file(".docker/ca.pem", "x");
        assert_eq!(home.endpoints(), Ok(vec!["tcp://host:2375".to_owned()]));
        home.set("DOCKER_TLS_VERIFY", "0");
        assert_eq!(home.endpoints(), Ok(vec!["tcp://host:2376".to_owned()]));
        home.file(".docker/cert.pem", "x");
        assert!(home.error().contains("only one is there"), "{}", home.error());
        home.set("DOCKER_CERT_PATH", "/nowhere");
        assert!(home.error().contains("/nowhere/ca.pem"), "{}", home.error());
        home.set("DOCKER_TLS_VERIFY", "").set("DOCKER_TLS", "1");
        assert_eq!(home.endpoints(), Ok(vec!["tcp://host:2376".to_owned()]));
        home.set("DOCKER_TLS_VERIFY", "1").set("DOCKER_HOST", "unix:///d.sock");
        assert_eq!(home.endpoints(), Ok(vec!["unix:///d.sock".to_owned()]));
    }
}
