//! Every archive of the other modules, damaged at random and scanned: no panic, no hang, and a status that
//! a scan may have.

use std::sync::mpsc;
use std::time::Duration;

use super::everywhere;
use super::place::{Place, image};
use crate::damage::engine::scan_pipe;
use crate::support::image::{Compression, oci};
use crate::support::stack::Random;

/// Rounds, each with every archive damaged once.
const ROUNDS: u64 = 24;

/// A scan that takes longer hangs.
const BOUND: Duration = Duration::from_secs(300);

/// What is larger than this is not damaged: its kind is in a smaller file too.
const LARGE: usize = 512 * 1024;

fn below(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.next() % bound.max(1) as u64).unwrap_or(0)
}

/// One of the ways in which a file goes bad.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    // Headers are worth more than what follows: half of the flips hit the first or the last bytes.
    let at = |random: &mut Random, length: usize| match random.next() % 4 {
        0 => below(random, length.min(64)),
        1 => length - 1 - below(random, length.min(64)),
        _ => below(random, length),
    };
    if bytes.is_empty() {
        return;
    }
    match random.next() % 8 {
        0 => bytes.truncate(at(random, bytes.len())),
        1 => {
            let from = at(random, bytes.len());
            let to = (from + 1 + below(random, 40)).min(bytes.len());
            bytes.drain(from..to);
        }
        2 => {
            let from = at(random, bytes.len());
            let to = (from + 1 + below(random, 400)).min(bytes.len());
            let part = bytes[from..to].to_vec();
            bytes.splice(from..from, part);
        }
        3 => {
            let from = at(random, bytes.len());
            let fill = [0, 0xff, b'7', b'0'][below(random, 4)];
            bytes.iter_mut().skip(from).take(1 + below(random, 8)).for_each(|byte| *byte = fill);
        }
        _ => {
            for _ in 0..=below(random, 4) {
                let place = at(random, bytes.len());
                bytes[place] ^= 1 << below(random, 8);
            }
        }
    }
}

/// The status of a scan, or why there is none.
fn status(places: &[Place]) -> Result<u8, &'static str> {
    let bytes = oci(&[&image(places)], Compression::None).tar();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(scan_pipe(bytes).status));
    receiver.recv_timeout(BOUND).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => "it hangs",
        mpsc::RecvTimeoutError::Disconnected => "it panics",
    })
}

fn is_right(status: &Result<u8, &'static str>) -> bool {
    matches!(status, Ok(0 | 1 | 3))
}

#[test]
fn damaged_archives_neither_panic_nor_hang() {
    let mut whole = everywhere();
    whole.retain(|place| place.bytes.len() <= LARGE);
    assert!(whole.len() > 150);
    for round in 0..ROUNDS {
        let mut random = Random(0x9_1ace_5000 + round);
        let mut places = whole.clone();
        places.iter_mut().for_each(|place| damage(&mut place.bytes, &mut random));
        let together = status(&places);
        if is_right(&together) {
            continue;
        }
        // Which of them it is: a clone of the same seed gives the same bytes again.
        let alone = places.into_iter().map(|place| (place.path.clone(), status(&[place])));
        let bad: Vec<_> = alone.filter(|(_, status)| !is_right(status)).collect();
        panic!("round {round}: {together:?}, and of them alone {bad:?}");
    }
}
