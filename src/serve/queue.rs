//! What is to be examined: bounded, each image once however many ask, and on disk before anybody is told that it
//! was accepted, so that it outlives the process.
//!
//! Workers are threads. One registry has at most half of them, so that one that hangs leaves the others alone.
//! What somebody waits for goes first.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::facts::Facts;
use super::fault;
use crate::cache::{Lasting, Records};

/// An image to be examined.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Wanted {
    /// The registry, as references name it.
    pub registry: String,
    /// The repository in it.
    pub repository: String,
    /// Its digest, or a tag where nothing else is known.
    pub reference: String,
    /// Of an index, the platforms that count, as words; empty for all.
    pub platforms: Vec<String>,
}

impl Wanted {
    /// What the store calls it. The same digest is the same image in every repository.
    pub fn name(&self) -> String {
        let place = if self.reference.contains(':') {
            String::new()
        } else {
            format!("{}/{}:", self.registry, self.repository)
        };
        format!("{place}{} {}", self.reference, self.platforms.join(","))
    }

    /// As people name it.
    pub fn image(&self) -> String {
        let separator = if self.reference.contains(':') { '@' } else { ':' };
        format!("{}/{}{separator}{}", self.registry, self.repository, self.reference)
    }
}

/// How an examination ended: with facts, or a line that says why there are none.
pub type Outcome = Result<Arc<Facts>, Arc<Failure>>;

/// Why there are no facts.
#[derive(Debug)]
pub struct Failure {
    /// One line, redacted.
    pub message: String,
    /// Whether another attempt may do better.
    pub is_passing: bool,
}

/// Where an outcome can be waited for.
pub type Waiting = watch::Receiver<Option<Outcome>>;

/// Why nothing was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too much waits already.
    #[error("too many scans are waiting")]
    Full,
    /// It is about to end.
    #[error("the server is stopping")]
    Stopping,
    /// It could not be written down.
    #[error("the queue cannot be written to disk")]
    Disk,
}

/// How urgent something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody waits for it.
    Now,
    /// Whenever there is time.
    Later,
}

/// The queue.
pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    most: usize,
    per_registry: usize,
    disk: Option<Records>,
}

#[derive(Default)]
struct State {
    urgent: VecDeque<String>,
    later: VecDeque<String>,
    jobs: HashMap<String, Job>,
    running: HashMap<String, usize>,
    stopping: bool,
}

struct Job {
    /// In which repositories it is said to be.
    places: Vec<Wanted>,
    outcome: watch::Sender<Option<Outcome>>,
    running: bool,
    attempts: u32,
    not_before: Option<Instant>,
}

/// Repositories in which an image is looked for.
const PLACES: usize = 4;

/// How often an image is tried in vain, and how long it then waits.
const RETRIES: [Duration; 4] =
    [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(120), Duration::from_secs(600)];

/// A job that a worker has taken.
pub struct Taken {
    name: String,
    registry: String,
    /// Where it may be, to be tried in this order.
    pub places: Vec<Wanted>,
}

impl Queue {
    /// A queue of at most `most` jobs for so many workers. What the last process left on disk is in it.
    pub fn open(most: usize, workers: usize, disk: Option<Records>) -> Self {
        let queue = Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            most,
            per_registry: (workers / 2).max(1),
            disk,
        };
        let left: Vec<Wanted> = queue.disk.as_ref().and_then(|disk| disk.all().ok()).unwrap_or_default();
        for wanted in left {
            let mut state = queue.lock();
            let name = wanted.name();
            state.add(name, wanted, Urgency::Later);
        }
        queue
    }

    /// Accepts an image. When this returns it is on disk, and is examined even if the process ends now.
    ///
    /// # Errors
    /// When it is not accepted.
    pub fn submit(&self, wanted: Wanted, urgency: Urgency) -> Result<Waiting, Refused> {
        let name = wanted.name();
        {
            let mut state = self.lock();
            if let Some(waiting) = state.join(&name, &wanted, urgency) {
                self.changed.notify_one();
                return Ok(waiting);
            }
            if state.stopping {
                return Err(Refused::Stopping);
            }
            if state.jobs.len() >= self.most {
                return Err(Refused::Full);
            }
        }
        fault::point("job-accepted");
        // Not under the lock: the disk may be slow. Two that come at once write the same.
        if let Some(disk) = &self.disk {
            disk.write(&name, &wanted, Lasting::Machine).map_err(|_| Refused::Disk)?;
        }
        fault::point("job-written");
        let mut state = self.lock();
        let waiting = match state.join(&name, &wanted, urgency) {
            Some(waiting) => waiting,
            None => state.add(name, wanted, urgency),
        };
        self.changed.notify_one();
        drop(state);
        fault::point("job-queued");
        Ok(waiting)
    }

    /// The next job, as soon as there is one; none when the queue is stopped.
    pub fn take(&self) -> Option<Taken> {
        let mut state = self.lock();
        loop {
            if state.stopping {
                return None;
            }
            let now = Instant::now();
            if let Some(name) = state.next(now, self.per_registry) {
                let job = state.jobs.get_mut(&name)?;
                job.running = true;
                let places = job.places.clone();
                let registry = places.first().map(|place| place.registry.clone()).unwrap_or_default();
                *state.running.entry(registry.clone()).or_default() += 1;
                return Some(Taken { name, registry, places });
            }
            let wait = state.jobs.values().filter_map(|job| job.not_before).min();
            let wait = wait.map_or(Duration::from_secs(60), |at| at.saturating_duration_since(now));
            let wait = wait.clamp(Duration::from_millis(10), Duration::from_secs(60));
            state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Tells how a job ended; what failed and may do better is tried again. Whoever waits hears of it either way.
    pub fn finish(&self, taken: &Taken, outcome: Outcome) {
        let mut state = self.lock();
        if let Some(running) = state.running.get_mut(&taken.registry) {
            *running = running.saturating_sub(1);
            if *running == 0 {
                state.running.remove(&taken.registry);
            }
        }
        let again = matches!(&outcome, Err(failure) if failure.is_passing);
        let retry = state.jobs.get_mut(&taken.name).and_then(|job| {
            let wait = RETRIES.get(job.attempts as usize).filter(|_| again)?;
            job.attempts += 1;
            job.running = false;
            job.not_before = Instant::now().checked_add(*wait);
            job.outcome.send_replace(Some(outcome.clone()));
            Some(())
        });
        if retry.is_some() {
            state.later.push_back(taken.name.clone());
        } else {
            drop(state);
            fault::point("job-done");
            // While it is still here: who asks for it anew from now on joins it, or writes it down anew. One that
            // stays on disk is examined once more by the next process: it finds the facts.
            if let Some(disk) = &self.disk {
                let _ = disk.forget(&taken.name);
            }
            fault::point("job-forgotten");
            state = self.lock();
            if let Some(job) = state.jobs.remove(&taken.name) {
                job.outcome.send_replace(Some(outcome));
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Lets no more jobs in or out. Those that run are finished by their workers; the others stay on disk.
    pub fn stop(&self) {
        self.lock().stopping = true;
        self.changed.notify_all();
    }

    /// Jobs that wait or run.
    pub fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Joins those that want the same.
    fn join(&mut self, name: &str, wanted: &Wanted, urgency: Urgency) -> Option<Waiting> {
        let job = self.jobs.get_mut(name)?;
        if job.places.len() < PLACES && !job.places.contains(wanted) {
            job.places.push(wanted.clone());
        }
        if urgency == Urgency::Now && !job.running {
            job.not_before = None;
            job.outcome.send_replace(None);
            self.later.retain(|other| other != name);
            if !self.urgent.iter().any(|other| other == name) {
                self.urgent.push_back(name.to_owned());
            }
        }
        Some(job.outcome.subscribe())
    }

    fn add(&mut self, name: String, wanted: Wanted, urgency: Urgency) -> Waiting {
        let (outcome, waiting) = watch::channel(None);
        let job = Job { places: vec![wanted], outcome, running: false, attempts: 0, not_before: None };
        self.jobs.insert(name.clone(), job);
        match urgency {
            Urgency::Now => self.urgent.push_back(name),
            Urgency::Later => self.later.push_back(name),
        }
        waiting
    }

    /// Takes the next name out whose time has come and whose registry has room.
    fn next(&mut self, now: Instant, per_registry: usize) -> Option<String> {
        let Self { urgent, later, jobs, running, .. } = self;
        for line in [urgent, later] {
            let may_run = |name: &String| {
                jobs.get(name).is_some_and(|job| {
                    let registry = job.places.first().map_or("", |place| place.registry.as_str());
                    let is_free = running.get(registry).is_none_or(|running| *running < per_registry);
                    !job.running && is_free && job.not_before.is_none_or(|at| at <= now)
                })
            };
            if let Some(at) = line.iter().position(may_run) {
                return line.remove(at);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(registry: &str, byte: u8) -> Wanted {
        let reference = format!("sha256:{}", format!("{byte:02x}").repeat(32));
        Wanted { registry: registry.to_owned(), repository: "a".to_owned(), reference, platforms: Vec::new() }
    }

    fn queue() -> Queue {
        Queue::open(3, 4, None)
    }

    fn clean() -> Outcome {
        Ok(Arc::default())
    }

    #[test]
    fn who_wants_the_same_waits_for_one_examination() {
        let queue = queue();
        let first = queue.submit(wanted("r", 1), Urgency::Later).expect("accepted");
        let second = queue.submit(wanted("elsewhere", 1), Urgency::Now).expect("accepted");
        assert_eq!(queue.len(), 1);
        let taken = queue.take().expect("a job");
        assert_eq!(taken.places, [wanted("r", 1), wanted("elsewhere", 1)]);
        queue.finish(&taken, clean());
        for waiting in [first, second] {
            assert!(matches!(&*waiting.borrow(), Some(Ok(_))));
        }
        assert!(queue.is_empty());
    }

    #[test]
    fn it_is_bounded_and_the_waited_for_goes_first() {
        let queue = queue();
        for byte in 1..=3 {
            let urgency = if byte == 3 { Urgency::Now } else { Urgency::Later };
            queue.submit(wanted("r", byte), urgency).expect("accepted");
        }
        assert_eq!(queue.submit(wanted("r", 4), Urgency::Now).err(), Some(Refused::Full));
        assert!(queue.submit(wanted("r", 1), Urgency::Later).is_ok(), "it is in the queue already");
        assert_eq!(queue.take().expect("a job").places, [wanted("r", 3)]);
    }

    #[test]
    fn one_registry_has_half_of_the_workers() {
        let queue = queue();
        for byte in 1..=2 {
            queue.submit(wanted("slow", byte), Urgency::Now).expect("accepted");
        }
        let both = [queue.take().expect("a job"), queue.take().expect("a job")];
        queue.submit(wanted("slow", 3), Urgency::Now).expect("accepted");
        assert!(queue.lock().next(Instant::now(), 2).is_none(), "the third waits");
        queue.finish(&both[0], clean());
        queue.submit(wanted("other", 4), Urgency::Later).expect("accepted");
        assert_eq!(queue.take().expect("a job").places, [wanted("slow", 3)]);
        assert_eq!(queue.take().expect("a job").places, [wanted("other", 4)]);
    }

    #[test]
    fn what_may_do_better_is_tried_again_and_not_at_once() {
        let queue = queue();
        let fails =
            |is_passing| -> Outcome { Err(Arc::new(Failure { message: "silence".to_owned(), is_passing })) };
        let waiting = queue.submit(wanted("r", 1), Urgency::Later).expect("accepted");
        let taken = queue.take().expect("a job");
        queue.finish(&taken, fails(true));
        assert!(matches!(&*waiting.borrow(), Some(Err(_))), "who waits hears of it");
        assert_eq!(queue.len(), 1);
        assert!(queue.lock().next(Instant::now(), 2).is_none());
        let later = Instant::now() + RETRIES[0];
        assert!(queue.lock().next(later, 2).is_some());
        let waiting = queue.submit(wanted("r", 1), Urgency::Now).expect("accepted");
        assert!(waiting.borrow().is_none(), "a new attempt");
        let taken = queue.take().expect("at once");
        queue.finish(&taken, fails(false));
        assert!(queue.is_empty());
    }

    #[test]
    fn a_stopped_queue_gives_and_takes_nothing() {
        let queue = queue();
        queue.submit(wanted("r", 1), Urgency::Now).expect("accepted");
        queue.stop();
        assert!(queue.take().is_none());
        assert_eq!(queue.submit(wanted("r", 2), Urgency::Now).err(), Some(Refused::Stopping));
    }
}
