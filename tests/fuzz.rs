//! A seeded fuzz loop over all that reads what others made: tars, documents, whole archives, compressed
//! data, texts, and the user's own files. A panic is a failure, and so is a result that depends on how
//! the input came. Overflow checks are on in the profile that tests are built with.
//!
//! Half of the cases are the same in every run, half are fresh. To run longer, or one case again:
//!
//! ```text
//! KEYSEAM_FUZZ_SECONDS=600 cargo test --test integration fuzz
//! KEYSEAM_FUZZ_CASE=tar:0x1234 cargo test --test integration fuzz
//! ```

mod corpus;
mod mutate;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use corpus::Corpus;
use mutate::Dice;
use targets::TARGETS;

/// Seconds for all targets together, unless `KEYSEAM_FUZZ_SECONDS` says otherwise.
const SECONDS: u64 = 20;

/// Something to fuzz: a case is made from a corpus and a seed alone.
type Target = (&'static str, fn(&Corpus, &Dice));

#[test]
#[allow(clippy::print_stdout, reason = "how far it came is for who asks with --nocapture")]
fn nothing_that_is_read_makes_the_program_panic() {
    let corpus = Corpus::new();
    if let Ok(case) = std::env::var("KEYSEAM_FUZZ_CASE") {
        let (name, seed) = case.split_once(':').expect("KEYSEAM_FUZZ_CASE is TARGET:SEED");
        let seed = u64::from_str_radix(seed.trim_start_matches("0x"), 16).expect("a hexadecimal seed");
        let target = TARGETS.iter().find(|target| target.0 == name).expect("a target of this name");
        return (target.1)(&corpus, &Dice::new(seed));
    }
    let seconds = std::env::var("KEYSEAM_FUZZ_SECONDS")
        .map_or(SECONDS, |seconds| seconds.parse().expect("KEYSEAM_FUZZ_SECONDS is a number"));
    let mut turns: Vec<Turns> =
        TARGETS.iter().map(|target| Turns { target: *target, ..Turns::NONE }).collect();
    let start = Instant::now();
    // Each target runs once at least, however little time there is.
    while start.elapsed() < Duration::from_secs(seconds) || turns.iter().any(|turns| turns.cases == 0) {
        let running = turns.iter_mut().filter(|turns| turns.failed.is_none());
        match running.min_by_key(|turns| turns.spent) {
            Some(next) => next.run(&corpus),
            None => break,
        }
    }
    for Turns { target, cases, slowest, .. } in &turns {
        println!("{:10} {cases:7} cases, the slowest {} with {:?}", target.0, slowest.1, slowest.0);
    }
    // A target is over at its first failure, the others go on.
    let failed: Vec<&String> = turns.iter().filter_map(|turns| turns.failed.as_ref()).collect();
    assert!(failed.is_empty(), "to run them again, KEYSEAM_FUZZ_CASE={failed:?}");
}

/// What one target ran so far.
#[derive(Clone)]
struct Turns {
    target: Target,
    cases: u64,
    spent: Duration,
    slowest: (Duration, String),
    failed: Option<String>,
}

impl Turns {
    const NONE: Self = Self {
        target: ("", |_, _| ()),
        cases: 0,
        spent: Duration::ZERO,
        slowest: (Duration::ZERO, String::new()),
        failed: None,
    };

    fn run(&mut self, corpus: &Corpus) {
        let seed = match self.cases % 2 {
            0 => self.cases / 2,
            _ => getrandom::u64().expect("random numbers from the system"),
        };
        self.cases += 1;
        let (name, target) = self.target;
        let start = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| target(corpus, &Dice::new(seed))));
        let took = start.elapsed();
        self.spent += took;
        let case = format!("{name}:{seed:#x}");
        if ended.is_err() {
            self.failed = Some(case.clone());
        }
        if took > self.slowest.0 {
            self.slowest = (took, case);
        }
    }
}
