//! One short conversation with a program: a text in, its answer out. Time and output are bounded whatever
//! the program does, and whatever it leaves behind that holds its pipes open.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::limits;

/// How often it is looked whether the program has ended.
const STEP: Duration = Duration::from_millis(5);

/// How long what it said is waited for once it has ended, where something else holds its pipes.
const AFTER_END: Duration = Duration::from_millis(500);

/// What a program said.
pub(super) struct Output {
    /// How it ended.
    pub(super) status: ExitStatus,
    /// All of its standard output.
    pub(super) stdout: Zeroizing<Vec<u8>>,
    /// The beginning of its standard error.
    pub(super) stderr: Zeroizing<Vec<u8>>,
}

/// Why there is no output.
#[derive(Debug)]
pub(super) enum ProcessError {
    /// The system did not start it, or lost it.
    System(io::Error),
    /// It was ended at its time limit.
    TimedOut,
    /// It was ended because it said too much.
    TooMuch,
}

/// Runs `program` with one argument and `input` on its standard input; `time` is all that it has.
pub(super) fn run(
    program: &Path,
    argument: &str,
    input: &str,
    time: Duration,
) -> Result<Output, ProcessError> {
    let mut child = Command::new(program)
        .arg(argument)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // What it starts in turn is ended with it.
        .process_group(0)
        .spawn()
        .map_err(ProcessError::System)?;
    let listened = listen(&mut child, input).map_err(ProcessError::System);
    let outcome = listened.and_then(|pieces| follow(&mut child, &pieces, time));
    if outcome.is_err() {
        end(child);
    }
    outcome
}

/// A piece of what the program said.
enum Piece {
    Stdout(Zeroizing<Vec<u8>>),
    Stderr(Zeroizing<Vec<u8>>),
}

/// Threads for its three pipes: each may be held up for as long as somebody has the other end.
fn listen(child: &mut Child, input: &str) -> io::Result<Receiver<Piece>> {
    let (sender, pieces) = sync_channel(4);
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_owned();
        // A program that does not read its input may answer all the same.
        thread::Builder::new().spawn(move || drop(stdin.write_all(input.as_bytes())))?;
    }
    if let Some(stdout) = child.stdout.take() {
        let sender = sender.clone();
        thread::Builder::new().spawn(move || forward(stdout, &sender, Piece::Stdout))?;
    }
    if let Some(stderr) = child.stderr.take() {
        thread::Builder::new().spawn(move || forward(stderr, &sender, Piece::Stderr))?;
    }
    Ok(pieces)
}

fn forward(mut pipe: impl Read, sender: &SyncSender<Piece>, piece: fn(Zeroizing<Vec<u8>>) -> Piece) {
    let mut buffer = Zeroizing::new([0; 4096]);
    loop {
        let read = match pipe.read(buffer.as_mut_slice()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(read) if read > 0 => buffer.get(..read).unwrap_or_default().to_vec(),
            Ok(_) | Err(_) => return,
        };
        if sender.send(piece(Zeroizing::new(read))).is_err() {
            return;
        }
    }
}

fn follow(child: &mut Child, pieces: &Receiver<Piece>, time: Duration) -> Result<Output, ProcessError> {
    let start = Instant::now();
    // Room for all of it from the start: a vector that grows leaves copies behind.
    let mut stdout = Zeroizing::new(Vec::with_capacity(limits::HELPER_OUTPUT));
    let mut stderr = Zeroizing::new(Vec::with_capacity(limits::HELPER_ERRORS));
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        let mut all_said = false;
        match pieces.recv_timeout(STEP) {
            Ok(Piece::Stdout(piece)) if stdout.len() + piece.len() > limits::HELPER_OUTPUT => {
                return Err(ProcessError::TooMuch);
            }
            Ok(Piece::Stdout(piece)) => stdout.extend_from_slice(&piece),
            Ok(Piece::Stderr(piece)) => {
                let room = limits::HELPER_ERRORS.saturating_sub(stderr.len()).min(piece.len());
                stderr.extend_from_slice(piece.get(..room).unwrap_or_default());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                all_said = true;
                if ended.is_none() {
                    thread::sleep(STEP);
                }
            }
        }
        if ended.is_none() {
            ended = child.try_wait().map_err(ProcessError::System)?.map(|status| (status, Instant::now()));
        }
        match ended {
            Some((status, at)) if all_said || at.elapsed() >= AFTER_END => {
                return Ok(Output { status, stdout, stderr });
            }
            None if start.elapsed() >= time => return Err(ProcessError::TimedOut),
            Some(_) | None => {}
        }
    }
}

/// Ends the program and what it started.
fn end(mut child: Child) {
    // Both may have ended by themselves.
    let _ = rustix::process::kill_process_group(
        rustix::process::Pid::from_child(&child),
        rustix::process::Signal::KILL,
    );
    let _ = child.kill();
    // The system may take its time with one that hangs in a network drive.
    let _ = thread::Builder::new().spawn(move || drop(child.wait()));
}

#[cfg(test)]
mod tests {
    use super::super::scripts::Scripts;
    use super::*;

    /// What every run must end before, whatever the program does.
    const GENEROUS: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(300);

    fn run_script(body: &str, time: Duration) -> Result<Output, ProcessError> {
        let scripts = Scripts::new();
        let program = scripts.add("program", body);
        let start = Instant::now();
        let outcome = run(&program, "get", "hello", time);
        assert!(start.elapsed() < GENEROUS, "{:?}", start.elapsed());
        outcome
    }

    #[test]
    fn input_argument_output_and_status_are_passed_on() {
        let body = "read word || true; echo \"$1 $word\"; echo \"to stderr\" >&2; exit 3";
        let output = run_script(body, GENEROUS).map_err(|_| "no output").expect("output");
        assert_eq!(output.stdout.as_slice(), b"get hello\n");
        assert_eq!(output.stderr.as_slice(), b"to stderr\n");
        assert_eq!(output.status.code(), Some(3));
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_what_it_started() {
        let scripts = Scripts::new();
        let pids = scripts.path().join("pids");
        let body = format!("sleep 600 & echo $! $$ > {}; cat; wait", pids.display());
        let program = scripts.add("program", &body);
        let outcome = run(&program, "get", "", SHORT);
        assert!(matches!(outcome, Err(ProcessError::TimedOut)));
        let pids = std::fs::read_to_string(pids).expect("the program ran");
        let start = Instant::now();
        for pid in pids.split_whitespace() {
            while is_running(pid) {
                assert!(start.elapsed() < GENEROUS, "{pid} still runs");
                thread::sleep(STEP);
            }
        }
    }

    fn is_running(pid: &str) -> bool {
        let state = Command::new("ps").args(["-o", "state=", "-p", pid]).output().expect("ps runs").stdout;
        !matches!(state.trim_ascii().first(), None | Some(b'Z'))
    }

    #[test]
    fn a_program_that_closes_its_output_and_stays_is_ended() {
        let outcome = run_script("exec >&- 2>&-; sleep 600", SHORT);
        assert!(matches!(outcome, Err(ProcessError::TimedOut)));
    }

    #[test]
    fn what_is_left_behind_holds_nothing_up() {
        let scripts = Scripts::new();
        let pids = scripts.path().join("pids");
        // A session of its own: not even the end of the group ends it.
        let stray = format!("setsid sh -c 'echo $$ >> {}; exec sleep 600' &", pids.display());
        let waits = format!("while [ ! -s {} ]; do :; done", pids.display());
        let start = Instant::now();
        let answers = scripts.add("answers", &format!("{stray} {waits}; echo answer"));
        let output = run(&answers, "get", "", GENEROUS);
        let hangs = scripts.add("hangs", &format!("{stray} sleep 600"));
        let outcome = run(&hangs, "get", "", SHORT);
        let took = start.elapsed();
        for pid in std::fs::read_to_string(pids).expect("it was started").split_whitespace() {
            let _ = Command::new("kill").arg(pid).status().expect("kill runs");
        }
        assert!(output.is_ok_and(|output| output.stdout.as_slice() == b"answer\n"));
        assert!(matches!(outcome, Err(ProcessError::TimedOut)));
        assert!(took < GENEROUS, "{took:?}");
    }

    #[test]
    fn output_is_bounded() {
        let outcome = run_script("exec yes", GENEROUS);
        assert!(matches!(outcome, Err(ProcessError::TooMuch)));
        let body = format!("head -c {} /dev/zero >&2; echo answer", limits::HELPER_ERRORS * 100);
        let output = run_script(&body, GENEROUS).map_err(|_| "no output").expect("output");
        assert_eq!(
            (output.stdout.as_slice(), output.stderr.len()),
            (&b"answer\n"[..], limits::HELPER_ERRORS)
        );
        let outcome = run_script("exec yes >&2", SHORT);
        assert!(matches!(outcome, Err(ProcessError::TimedOut)));
    }

    #[test]
    fn input_that_nobody_reads_holds_nothing_up() {
        let scripts = Scripts::new();
        let program = scripts.add("program", "exec 0<&-; echo answer");
        let output = run(&program, "get", &"x".repeat(1 << 20), GENEROUS);
        assert!(output.is_ok_and(|output| output.stdout.as_slice() == b"answer\n"));
    }

    #[test]
    fn what_cannot_be_started_is_an_error() {
        let scripts = Scripts::new();
        let outcome = run(&scripts.path().join("missing"), "get", "", SHORT);
        assert!(matches!(outcome, Err(ProcessError::System(_))));
    }
}
