//! Opens targets before their turn, several at once: a registry takes a while to answer each, and there may
//! be thousands. Only manifests and configs are fetched; what is not in a registry is left for later.

use std::thread;

use oci_client::Reference;

use crate::image::manifest::Image;
use crate::image::platform::PlatformSet;
use crate::source::{self, Access, ImageSource, Opened, StreamSource};
use crate::target::{Place, Target};

/// Targets that are opened at once.
pub(super) const AT_ONCE: usize = 8;

/// A target that was looked at.
pub(super) enum Looked {
    /// To be opened at its turn.
    Later(Target),
    /// Found in an engine, and not begun.
    Stream(Box<dyn StreamSource>),
    /// Images of a registry.
    Images {
        /// Where.
        reference: Reference,
        /// What serves their blobs.
        source: Box<dyn ImageSource>,
        /// All that were asked for.
        images: Vec<Image>,
    },
}

/// Looks at all of these, each on a thread of its own.
pub(super) fn look(
    targets: Vec<Target>,
    access: &Access,
    platforms: &PlatformSet,
) -> Vec<anyhow::Result<Looked>> {
    let panicked = || Err(anyhow::anyhow!("it could not be opened, for an error of the program"));
    thread::scope(|scope| {
        let look = |target| scope.spawn(move || look_at(target, access, platforms));
        let threads: Vec<_> = targets.into_iter().map(look).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panicked())).collect()
    })
}

fn look_at(target: Target, access: &Access, platforms: &PlatformSet) -> anyhow::Result<Looked> {
    let (Place::Registry(reference) | Place::Reference(reference)) = &target.place else {
        return Ok(Looked::Later(target));
    };
    let reference = reference.clone();
    Ok(match source::open(&target, access)? {
        Opened::Stream(stream) => Looked::Stream(stream),
        Opened::Indexed(source) => {
            let images = source.resolve(platforms)?;
            Looked::Images { reference, source, images }
        }
    })
}
