//! `keyseam serve`: arguments in, a server that runs until it is stopped.

mod health;
mod manifest;

use std::io::Write;

use anyhow::{Context, bail};

use super::args::{ServeArguments, ServeCommand};
use super::exit_status::ExitStatus;
use super::messages::Messages;
use super::{detectors, fingerprint_key, input, interrupt};
use crate::cache;
use crate::detect::DetectorSet;
use crate::limits;
use crate::registry;
use crate::registry::credentials::{self, Secret};
use crate::scan::ScanOptions;
use crate::serve::examiner::Examiner;
use crate::serve::server::{self, Gate, Notify, Settings};
use crate::serve::{log, tls};

/// Runs the command. It ends with a signal, as the program does else.
pub(super) fn run(arguments: ServeArguments, stdout: &mut dyn Write) -> ExitStatus {
    let done = match arguments.command {
        Some(ServeCommand::Manifest(arguments)) => manifest::write(&arguments, stdout),
        Some(ServeCommand::Health { status }) => health::ask(status),
        None => serve(arguments).map(|signal| std::process::exit(interrupt::status(signal))),
    };
    match done {
        Ok(()) => ExitStatus::Clean,
        Err(error) => {
            Messages::default().error(&format!("{error:#}"));
            ExitStatus::Failed
        }
    }
}

fn serve(arguments: ServeArguments) -> anyhow::Result<i32> {
    let folder = match &arguments.rules.store {
        Some(folder) => folder.clone(),
        None => cache::default_folder(|name| std::env::var_os(name))
            .context("there is no cache folder; name one with --store")?,
    };
    std::fs::create_dir_all(&folder).with_context(|| format!("--store: cannot make {}", folder.display()))?;
    let catalogue = detectors::catalogue(&arguments.rules.rules)?;
    let set = DetectorSet::new(&catalogue)?;
    let key = fingerprint_key::load(arguments.rules.fingerprint_key_file.as_deref())?;
    let all = vec![true; catalogue.definitions().len()];
    // Several images are read at once: each has its share of the processors.
    let jobs = (ScanOptions::default().jobs / 2).max(1);
    let options = ScanOptions { jobs, ..ScanOptions::default() };
    let examiner = Examiner::new(catalogue, set, all, key, options, folder.clone());
    let signals = interrupt::next_signal();
    log::start();
    server::run(settings(arguments, folder)?, examiner, &signals)
}

fn settings(arguments: ServeArguments, store: std::path::PathBuf) -> anyhow::Result<Settings> {
    let ServeArguments { doors, access, rules, network, .. } = arguments;
    let token = access.token_file.as_deref().map(token).transpose()?;
    let gate = doors.gate.zip(doors.upstream).map(|(address, upstream)| Gate {
        address,
        plain: doors.gate_plain_http,
        upstream,
        also: doors.gate_also,
    });
    let notify = doors.notify.zip(doors.registry).map(|(address, registry)| Notify {
        address,
        registry,
        reconcile: doors.reconcile,
    });
    Ok(Settings {
        gate,
        admission: doors.admission,
        open_admission: access.open_admission,
        notify,
        status: doors.status,
        open_metrics: access.open_metrics,
        tls: access.tls_cert.zip(access.tls_key).map(|(cert, key)| tls::Files {
            cert,
            key,
            client_ca: access.client_ca,
        }),
        token,
        policy: rules.policy,
        store,
        linger: doors.linger,
        workers: usize::from(rules.scans),
        registry: registry::Settings {
            credentials: credentials::Settings { login: None, authfile: network.authfile },
            ca_file: network.ca_file,
            plain_http: network.plain_http,
            proxy: network.proxy.map(|proxy| Secret::new(proxy.0)),
            timeout: network.timeout,
            retries: 1,
            mirrors: network.mirror,
            trust_realms: network.trust_realm,
            ..registry::Settings::default()
        },
    })
}

/// The one line of a file.
fn token(path: &std::path::Path) -> anyhow::Result<Secret> {
    /// Characters below which a token can be guessed.
    const SHORTEST: usize = 16;
    let bytes =
        input::file(path, limits::PASSWORD).with_context(|| format!("--token-file {}", path.display()))?;
    let text = zeroize::Zeroizing::new(String::from_utf8(bytes).unwrap_or_default());
    let line = text.trim();
    if line.len() < SHORTEST || line.contains(|c: char| !c.is_ascii_graphic()) {
        bail!(
            "--token-file {}: a token is one line of at least {SHORTEST} characters without spaces",
            path.display()
        );
    }
    Ok(Secret::new(line.to_owned()))
}
