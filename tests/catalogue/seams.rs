//! A seam anywhere in a key, or beside it, changes nothing.

use super::examples::{all, fresh_seed};
use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::{DetectorSet, Place, Scratch, Window};
use keyseam::limits::CONTEXT_RADIUS;

/// Detectors whose key is a whole file: it has no seam in it, as it is far smaller than a window.
const WHOLE_FILES: [&str; 3] = ["rails-master-key-file", "zerotier-node-token", "kerberos-keytab"];

#[test]
fn every_example_is_found_across_a_seam() {
    let seed = fresh_seed();
    let catalogue = Catalogue::embedded().expect("valid");
    let set = DetectorSet::new(&catalogue).expect("valid");
    let mut scratch = Scratch::default();
    let mut lost = Vec::new();
    for planted in all(seed).into_iter().filter(|planted| !WHOLE_FILES.contains(&planted.id.as_str())) {
        let index = catalogue.find(&planted.id).expect("valid");
        // Far from either end of the content, so that windows have their whole context.
        let front = vec![b'\n'; CONTEXT_RADIUS + 7];
        let bytes = [front.as_slice(), &planted.text, b"\n", &front].concat();
        let key = memchr::memmem::find(&bytes, &planted.key).expect("the key is in its text");
        let end = front.len() + planted.text.len();
        for cut in [front.len(), key, key + planted.key.len() / 2, end] {
            let mut found = false;
            for (from, to) in [(0, cut), (cut, bytes.len())] {
                let first = from.saturating_sub(CONTEXT_RADIUS);
                let last = (to + CONTEXT_RADIUS + 1).min(bytes.len());
                let window = Window {
                    bytes: &bytes[first..last],
                    owned: from - first..to - first,
                    starts: first == 0,
                    ends: last == bytes.len(),
                    place: Place::File,
                    path: planted.path.as_bytes(),
                };
                let mut hits = Vec::new();
                set.scan(&window, &mut scratch, &mut hits);
                found |= hits.iter().any(|hit| {
                    hit.detector == index
                        && bytes[first + hit.span.start..first + hit.span.end] == planted.key
                });
            }
            if !found {
                lost.push(format!(
                    "{} (seed {seed}), cut at {} of its text",
                    planted.name(),
                    cut - front.len()
                ));
            }
        }
    }
    assert!(lost.is_empty(), "{} lost:\n{}", lost.len(), lost.join("\n"));
}
