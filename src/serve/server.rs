//! The process: doors open, workers at work, an end that loses nothing.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};
use axum::Router;
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use tokio::runtime::Builder;
use tracing::{info, warn};

use super::door::Token;
use super::examiner::Examiner;
use super::fault;
use super::gate::{self, Upstream};
use super::policy::PolicyFile;
use super::queue::Queue;
use super::registries::Registries;
use super::service::{Service, tell_policy, tidy, watch_policy};
use super::store::Store;
use super::tls::{Files, Tls};
use super::{admission, notify, status};
use crate::cache::Records;
use crate::limits;
use crate::registry;
use crate::registry::credentials::Secret;

/// What a server is to be.
#[derive(Debug)]
pub struct Settings {
    /// The gate before a registry.
    pub gate: Option<Gate>,
    /// The webhook of a cluster.
    pub admission: Option<SocketAddr>,
    /// Whether it answers to anybody, off loopback.
    pub open_admission: bool,
    /// What registries tell.
    pub notify: Option<Notify>,
    /// Where it tells how it is.
    pub status: SocketAddr,
    /// Whether metrics are for anybody, off loopback.
    pub open_metrics: bool,
    /// The certificate of the doors.
    pub tls: Option<Files>,
    /// What lets in who has it.
    pub token: Option<Secret>,
    /// The policy file.
    pub policy: Option<PathBuf>,
    /// Where facts and layers are kept, and what is to be done.
    pub store: PathBuf,
    /// Images that are examined at once.
    pub workers: usize,
    /// How registries are reached.
    pub registry: registry::Settings,
    /// How long it goes on answering when it is told to stop.
    pub linger: Duration,
}

/// The gate before a registry.
#[derive(Debug)]
pub struct Gate {
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether it may do so without TLS, off loopback.
    pub plain: bool,
    /// The registry behind it.
    pub upstream: String,
    /// Paths beside `/v2/` that pass.
    pub also: Vec<String>,
}

/// What registries tell.
#[derive(Debug)]
pub struct Notify {
    /// Where that is listened to.
    pub address: SocketAddr,
    /// Which registry it is of, as references name it.
    pub registry: String,
    /// How often the registry's own lists are gone through.
    pub reconcile: Duration,
}

/// How long requests and examinations that run may take when it stops.
const STOP: Duration = Duration::from_secs(30);

/// How often files are looked at that may change.
const WATCH: Duration = Duration::from_secs(2);

/// How often it is said that a certificate ends.
const TELL: Duration = Duration::from_secs(12 * 3600);

/// How often room is made on disk.
const TIDY: Duration = Duration::from_secs(10 * 60);

/// A door to be opened.
struct Opening {
    name: &'static str,
    listener: TcpListener,
    routes: Router,
    tls: Option<Arc<Tls>>,
}

/// Serves until `signals` gives one, and returns it.
///
/// # Errors
/// When it cannot begin: an address that is taken, a file that is wrong, a door that would be open to everybody.
pub fn run(settings: Settings, examiner: Examiner, signals: &Receiver<i32>) -> anyhow::Result<i32> {
    refuse_open_doors(&settings)?;
    let key = examiner.fingerprints();
    let jobs = Records::open(&settings.store, "queue", key, None)
        .context("the server needs a hashing key that lasts: name one with --fingerprint-key-file")?;
    let store = Store::open(&settings.store, &examiner);
    let queue = Queue::open(limits::SERVE_QUEUE, settings.workers, Some(jobs));
    let policy = PolicyFile::open(settings.policy.as_deref())?;
    let registries = Registries::new(settings.registry.clone())?;
    let named = settings.notify.iter().map(|notify| notify.registry.clone()).collect();
    let service = Arc::new(Service::new(examiner, store, queue, registries, policy, named));
    let stopping = Arc::new(AtomicBool::new(false));
    let tls = settings.tls.clone().map(Tls::open).transpose()?.map(Arc::new);
    let openings = openings(&settings, &service, &stopping, tls)?;
    let certificates: Vec<(&'static str, Arc<Tls>)> =
        openings.iter().filter_map(|opening| Some((opening.name, opening.tls.clone()?))).collect();
    tell_policy(&service);
    certificates.iter().for_each(|(door, tls)| tell_certificate(&service, door, tls));
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.thread_name("serve").enable_all().build().context("no threads to serve with")?;
    let (handle, status_handle) = (Handle::new(), Handle::new());
    for opening in openings {
        let address = opening.listener.local_addr()?;
        info!(door = opening.name, address = address.to_string(), tls = opening.tls.is_some(), "listening");
        let name = opening.name;
        // How the server is, it tells until the end: that it is stopping, too.
        let handle = if name == "status" { status_handle.clone() } else { handle.clone() };
        runtime.spawn(async move {
            if let Err(error) = serve(opening, handle).await {
                warn!(door = name, %error, "the door is shut");
            }
        });
    }
    let workers = start_workers(&service, settings.workers)?;
    if let Some(Notify { registry, reconcile, .. }) = settings.notify {
        start_reconciling(&service, &stopping, registry, reconcile)?;
    }
    let signal = wait(&service, &certificates, signals);
    info!(signal, "stopping");
    stopping.store(true, Ordering::Relaxed);
    // Who sends requests here hears only after a while that there is no sense in it. A second signal ends it all.
    thread::sleep(settings.linger);
    fault::point("stop-begun");
    service.queue.stop();
    handle.graceful_shutdown(Some(STOP));
    let end = Instant::now() + STOP;
    while Instant::now() < end
        && !(handle.connection_count() == 0 && workers.iter().all(thread::JoinHandle::is_finished))
    {
        thread::sleep(Duration::from_millis(20));
    }
    fault::point("stop-ended");
    runtime.shutdown_background();
    info!(left = service.queue.len(), "stopped; what is left is examined by the next process");
    Ok(signal)
}

/// Doors that anybody could come through are opened by a word alone.
fn refuse_open_doors(settings: &Settings) -> anyhow::Result<()> {
    let is_open = |address: SocketAddr| !address.ip().is_loopback();
    if settings.gate.is_none() && settings.admission.is_none() && settings.notify.is_none() {
        bail!("no door is to be opened: --gate, --admission or --notify opens one");
    }
    if settings
        .gate
        .as_ref()
        .is_some_and(|gate| is_open(gate.address) && !gate.plain && settings.tls.is_none())
    {
        bail!(
            "--gate: passwords would pass in clear; name a certificate with --tls-cert and --tls-key, or say --gate-plain-http"
        );
    }
    if let Some(address) = settings.admission {
        let Some(tls) = &settings.tls else {
            bail!(
                "--admission: API servers speak TLS alone; name a certificate with --tls-cert and --tls-key"
            );
        };
        if is_open(address) && tls.client_ca.is_none() && !settings.open_admission {
            bail!(
                "--admission: anybody could ask; name the API servers' authority with --client-ca, or say --open-admission"
            );
        }
    }
    if settings.notify.as_ref().is_some_and(|notify| is_open(notify.address)) && settings.token.is_none() {
        bail!("--notify: anybody could have images examined; name a token with --token-file");
    }
    if is_open(settings.status) && settings.token.is_none() && !settings.open_metrics {
        bail!(
            "--status: anybody could read the metrics; name a token with --token-file, or say --open-metrics"
        );
    }
    Ok(())
}

fn openings(
    settings: &Settings,
    service: &Arc<Service>,
    stopping: &Arc<AtomicBool>,
    tls: Option<Arc<Tls>>,
) -> anyhow::Result<Vec<Opening>> {
    let token = settings.token.clone().map(Token::new);
    let mut openings = Vec::new();
    let mut open = |name: &'static str, address: SocketAddr, routes: Router, tls: Option<Arc<Tls>>| {
        let listener =
            TcpListener::bind(address).with_context(|| format!("--{name}: cannot listen at {address}"))?;
        listener.set_nonblocking(true)?;
        openings.push(Opening { name, listener, routes, tls });
        anyhow::Ok(())
    };
    let routes = status::routes(
        Arc::clone(service),
        Arc::clone(stopping),
        token.clone().filter(|_| !settings.open_metrics),
    );
    open("status", settings.status, routes, None)?;
    // Only API servers have a certificate to show.
    let anybody = match (&settings.tls, settings.gate.is_some() || settings.notify.is_some()) {
        (Some(files), true) => Some(Arc::new(Tls::open(Files { client_ca: None, ..files.clone() })?)),
        _ => None,
    };
    if let Some(gate) = &settings.gate {
        let upstream = Upstream::new(&gate.upstream, &settings.registry)?;
        let tls = anybody.clone().filter(|_| !gate.plain);
        open("gate", gate.address, gate::routes(Arc::clone(service), upstream, &gate.also), tls)?;
    }
    if let Some(address) = settings.admission {
        open("admission", address, admission::routes(Arc::clone(service)), tls)?;
    }
    if let Some(notify) = &settings.notify {
        let routes = notify::routes(Arc::clone(service), &notify.registry, token);
        open("notify", notify.address, routes, anybody)?;
    }
    Ok(openings)
}

async fn serve(opening: Opening, handle: Handle<SocketAddr>) -> std::io::Result<()> {
    let Opening { listener, routes, tls, .. } = opening;
    let service = routes.into_make_service();
    match tls {
        Some(tls) => {
            let server = axum_server::from_tcp_rustls(listener, tls.config())?;
            bounded(server).handle(handle).serve(service).await
        }
        None => bounded(axum_server::from_tcp(listener)?).handle(handle).serve(service).await,
    }
}

/// Who is slow to say what is wanted is not waited for.
fn bounded<A: axum_server::Address, Acceptor>(mut server: Server<A, Acceptor>) -> Server<A, Acceptor> {
    let mut builder = server.http_builder().http1();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits::SERVE_HEAD_TIME)
        .max_buf_size(limits::SERVE_HEAD);
    server
}

fn start_workers(service: &Arc<Service>, number: usize) -> anyhow::Result<Vec<thread::JoinHandle<()>>> {
    let start = |number| {
        let service = Arc::clone(service);
        thread::Builder::new().name(format!("examine-{number}")).spawn(move || service.work())
    };
    (0..number).map(start).collect::<Result<_, _>>().context("no threads to examine with")
}

fn start_reconciling(
    service: &Arc<Service>,
    stopping: &Arc<AtomicBool>,
    registry: String,
    every: Duration,
) -> anyhow::Result<()> {
    let (service, stopping) = (Arc::clone(service), Arc::clone(stopping));
    let run = move || {
        let goes_on = || !stopping.load(Ordering::Relaxed);
        while goes_on() {
            notify::reconcile(&service, &registry, &goes_on);
            thread::sleep(every);
        }
    };
    thread::Builder::new().name("reconcile".to_owned()).spawn(run).context("no thread to reconcile with")?;
    Ok(())
}

/// Says when a door's certificate ends, and loudly so if it should have been renewed.
fn tell_certificate(service: &Service, door: &'static str, tls: &Tls) {
    let validity = tls.validity();
    service.metrics.certificate(door, validity.until());
    if let Some(why) = validity.warning(SystemTime::now()) {
        warn!(door, why, "renew the certificate");
    }
}

/// Waits for a signal, and looks after what changes meanwhile.
fn wait(service: &Service, certificates: &[(&'static str, Arc<Tls>)], signals: &Receiver<i32>) -> i32 {
    let (mut tidied, mut told) = (Instant::now(), Instant::now());
    loop {
        match signals.recv_timeout(WATCH) {
            Ok(signal) => return signal,
            Err(RecvTimeoutError::Timeout) => {}
            // Nobody can send one: then the system ends the process.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(WATCH),
        }
        watch_policy(service);
        for (door, tls) in certificates {
            match tls.reload_if_changed() {
                Ok(false) => {}
                Ok(true) => {
                    info!(door, "certificate read");
                    tell_certificate(service, door, tls);
                }
                Err(error) => warn!(
                    why = error.to_string(),
                    "the certificate cannot be used; the one before stays in use"
                ),
            }
        }
        if told.elapsed() > TELL {
            certificates.iter().for_each(|(door, tls)| tell_certificate(service, door, tls));
            told = Instant::now();
        }
        if tidied.elapsed() > TIDY {
            tidy(service);
            tidied = Instant::now();
        }
    }
}
