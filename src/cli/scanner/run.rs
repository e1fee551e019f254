//! One run over many targets. Images of registries are resolved ahead, manifests only, so that it is known
//! which layers they share before the first is read; all else is opened when its turn comes.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use anyhow::bail;
use oci_client::Reference;

use super::ahead::{self, Looked};
use super::base::{Bases, OnBase};
use super::targets::Asked;
use crate::cache::LayerCache;
use crate::cli::settings::Settings;
use crate::detect::redact::Redactor;
use crate::finding::result::{Judge, Target as ResultTarget};
use crate::image::manifest::Image;
use crate::limits;
use crate::report::model::{ImageResult, SourceKind, TargetError};
use crate::scan::progress::Progress;
use crate::scan::shared::SharedBlobs;
use crate::scan::{Blobs, KnownBlobs, Proofs, ScanOptions, Scanning};
use crate::source::{self, Access, ImageSource, Opened, StreamSource};
use crate::target::Target;

/// What became of a target. It may have results and an error, where not all of it could be reported.
pub(super) struct Answer {
    pub(super) results: Vec<ImageResult>,
    pub(super) error: Option<TargetError>,
}

/// A run.
pub(super) struct Run<'a> {
    options: ScanOptions,
    access: Access,
    judge: &'a Judge<'a>,
    progress: &'a dyn Progress,
    redactor: Redactor<'a>,
    bases: Bases,
    /// Layers that were read before.
    cache: Option<LayerCache>,
    /// Places of keys in the report so far.
    places: usize,
}

/// A target in the queue.
struct Turn {
    /// The words that name it.
    text: String,
    /// Whether its findings go into the report.
    reported: bool,
    ready: Ready,
}

/// A target before its turn.
enum Ready {
    /// There is nothing to scan.
    Failed(anyhow::Error),
    /// To be opened at its turn.
    Later(Target),
    /// Found in an engine, and not begun.
    Stream(Box<dyn StreamSource>),
    /// Resolved; its blobs are planned for.
    Planned(Resolved),
}

/// The images of a source, and what each may be built on.
#[derive(Clone)]
struct Resolved {
    source: Arc<dyn ImageSource>,
    /// The repository that it is in, where it is in one.
    repository: String,
    images: Vec<Image>,
    on_base: Vec<OnBase>,
}

impl<'a> Run<'a> {
    /// A run with these rules; the base image is opened.
    ///
    /// # Errors
    /// When there is no such base image.
    pub(super) fn new(
        settings: &Settings,
        judge: &'a Judge<'a>,
        progress: &'a dyn Progress,
        mut redactor: Redactor<'a>,
        cache: Option<LayerCache>,
    ) -> anyhow::Result<Self> {
        let options = ScanOptions {
            platforms: settings.platforms.clone(),
            jobs: settings.jobs.get(),
            max_layer_bytes: settings.max_layer_bytes,
            verify_diff_ids: settings.verify_diff_ids,
            ..ScanOptions::default()
        };
        let access = settings.network.access();
        let bases = Bases::open(settings.base.as_deref(), &access);
        if let Some(cache) = &cache {
            redactor.trace_with(cache.tracer().clone());
        }
        let (places, no_bases) = (0, Bases::default());
        let run = Self { options, access, judge, progress, redactor, bases: no_bases, cache, places };
        run.tell_notes();
        Ok(Self { bases: bases?, ..run })
    }

    /// How sources are reached.
    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// What knows the keys of all images so far.
    pub(super) fn redactor(&self) -> &Redactor<'a> {
        &self.redactor
    }

    /// Scans the targets, and answers for each in order, as long as `goes_on` says so.
    pub(super) fn scan(&mut self, asked: Vec<Asked>, goes_on: impl Fn(&Answer) -> bool) -> Vec<Answer> {
        let answers = self.scan_all(asked, goes_on);
        if let Some(Err(error)) = self.cache.as_mut().map(LayerCache::finish) {
            self.progress.note(&format!("the layer cache cannot be kept small: {error}"));
        }
        answers
    }

    fn scan_all(&mut self, asked: Vec<Asked>, goes_on: impl Fn(&Answer) -> bool) -> Vec<Answer> {
        let mut left = VecDeque::from(asked);
        let mut answers = Vec::new();
        while !left.is_empty() {
            let mut shared = SharedBlobs::default();
            for (number, turn) in self.prepare(&mut left, &mut shared).into_iter().enumerate() {
                let answer = self.answer(number, turn, &mut shared);
                let ends = !goes_on(&answer);
                answers.push(answer);
                if ends {
                    return answers;
                }
            }
        }
        answers
    }

    /// Readies targets, until much is held of them.
    fn prepare(&mut self, left: &mut VecDeque<Asked>, shared: &mut SharedBlobs) -> Vec<Turn> {
        /// Bytes that a target takes beside its documents, about.
        const FIXED: usize = 16 * 1024;
        let mut turns: Vec<Turn> = Vec::new();
        let mut seen = HashSet::new();
        let mut held: usize = 0;
        while held < limits::RESOLVED_AHEAD && !left.is_empty() {
            let next: Vec<Asked> = left.drain(..left.len().min(ahead::AT_ONCE)).collect();
            let is_first: Vec<bool> = next.iter().map(|asked| seen.insert(asked.text.clone())).collect();
            let firsts = next.iter().zip(&is_first).filter(|(_, first)| **first);
            let targets = firsts.filter_map(|(asked, _)| asked.target.as_ref().ok().cloned()).collect();
            let mut looked = ahead::look(targets, &self.access, &self.options.platforms).into_iter();
            for (Asked { text, target, reported }, first) in next.into_iter().zip(is_first) {
                let ready = match target {
                    Err(error) => Ready::Failed(error),
                    Ok(target) if first => {
                        self.ready(looked.next().unwrap_or_else(|| Ok(Looked::Later(target))))
                    }
                    Ok(target) => again(&turns, &text, target),
                };
                if let Ready::Planned(resolved) = &ready {
                    let images = resolved.to_read(self.judge.skip_base);
                    shared.expect(turns.len(), &images, &resolved.proofs(), &self.options);
                    held = held.saturating_add(FIXED + resolved.images.iter().map(memory).sum::<usize>());
                }
                turns.push(Turn { text, reported, ready });
            }
            self.tell_notes();
        }
        turns
    }

    fn ready(&mut self, looked: anyhow::Result<Looked>) -> Ready {
        match looked {
            Ok(Looked::Later(target)) => Ready::Later(target),
            Ok(Looked::Stream(stream)) => Ready::Stream(stream),
            Ok(Looked::Images { reference, source, images }) => {
                let resolved = self.resolved(source, images, Some(&reference));
                resolved.map_or_else(Ready::Failed, Ready::Planned)
            }
            Err(error) => Ready::Failed(error),
        }
    }

    fn resolved(
        &mut self,
        source: Box<dyn ImageSource>,
        images: Vec<Image>,
        reference: Option<&Reference>,
    ) -> anyhow::Result<Resolved> {
        if images.is_empty() {
            bail!("it holds no image");
        }
        let own = reference.filter(|_| source.kind() == SourceKind::Registry);
        let on_base = images.iter().map(|image| self.bases.of(image, own, &self.access)).collect();
        let repository = own.map(|own| format!("{}/{}", own.registry(), own.repository()));
        Ok(Resolved { source: source.into(), repository: repository.unwrap_or_default(), images, on_base })
    }

    /// Scans a target at its turn.
    fn answer(&mut self, number: usize, turn: Turn, shared: &mut SharedBlobs) -> Answer {
        let start = Instant::now();
        let Turn { text, reported, ready } = turn;
        let mut results = Vec::new();
        let done = self.read(number, ready, shared).and_then(|(resolved, blobs)| {
            let before = if reported { self.places } else { 0 };
            let done = self.judge(&text, &resolved, &blobs, before, &mut results);
            self.places += if reported { places(&results) } else { 0 };
            done
        });
        for result in &mut results {
            result.stats.seconds = start.elapsed().as_secs_f64();
        }
        self.tell_notes();
        let error = done.err().map(|error| {
            self.redactor.learn_typed(&text);
            TargetError {
                target: self.redactor.clean(&text),
                message: self.redactor.clean(&format!("{error:#}")),
            }
        });
        Answer { results, error }
    }

    /// Reads every blob of a target.
    fn read(
        &mut self,
        number: usize,
        ready: Ready,
        shared: &mut SharedBlobs,
    ) -> anyhow::Result<(Resolved, Blobs)> {
        let opened = match ready {
            Ready::Failed(error) => return Err(error),
            Ready::Planned(resolved) => {
                let images = resolved.to_read(self.judge.skip_base);
                let Resolved { source, repository, .. } = &resolved;
                let blobs = shared.read(number, &**source, &images, repository, &self.scanning());
                return Ok((resolved, blobs));
            }
            Ready::Later(target) => source::open(&target, &self.access)?,
            Ready::Stream(stream) => Opened::Stream(stream),
        };
        let (source, mut blobs) = match opened {
            Opened::Indexed(source) => (source, Blobs::new()),
            // Which layers are to be compared is known when it is over.
            Opened::Stream(stream) => self.scanning().stream(stream, self.bases.is_named())?,
        };
        let images = source.resolve(&self.options.platforms)?;
        let resolved = self.resolved(source, images, None)?;
        let images = resolved.to_read(self.judge.skip_base);
        self.scanning().blobs(&*resolved.source, &images, &resolved.proofs(), &mut blobs);
        Ok((resolved, blobs))
    }

    fn scanning(&self) -> Scanning<'_> {
        let known = self.cache.as_ref().map(|cache| cache as &dyn KnownBlobs);
        Scanning { options: &self.options, search: self.judge.search, known, progress: self.progress }
    }

    /// The results of a target, as many as the report has room for behind the places `before` them.
    fn judge(
        &mut self,
        text: &str,
        resolved: &Resolved,
        blobs: &Blobs,
        before: usize,
        results: &mut Vec<ImageResult>,
    ) -> anyhow::Result<()> {
        let named = ResultTarget { text: text.to_owned(), source: resolved.source.kind() };
        for (index, (image, on_base)) in resolved.images.iter().zip(&resolved.on_base).enumerate() {
            let total = before.saturating_add(places(results));
            if total >= limits::REPORT_PLACES {
                let left = resolved.images.len() - index;
                bail!("the report holds {total} places of keys, and {left} more of its images are left out");
            }
            let redactor = &mut self.redactor;
            let mut result = self.judge.judge_on(&on_base.bases, &named, image, blobs, redactor);
            result.warnings.extend(on_base.warning.iter().map(|warning| redactor.clean(warning)));
            results.push(result);
            self.keep(image, blobs);
        }
        Ok(())
    }

    /// Keeps the layers of an image for the next run. What cannot be kept is read again.
    fn keep(&mut self, image: &Image, blobs: &Blobs) {
        let Some(cache) = &mut self.cache else { return };
        if let Err(error) = cache.keep(image, blobs, self.judge, &self.redactor) {
            self.progress
                .note(&format!("the layer cache cannot be written, and is not used further: {error}"));
            self.cache = None;
        }
    }

    fn tell_notes(&self) {
        self.access.notes.take().iter().for_each(|note| self.progress.note(&self.redactor.clean(note)));
    }
}

impl Resolved {
    /// The images with the layers that have to be read. With `skip_base`, those are not read that are a base's by
    /// the digests of its manifest; what is a base's by its bytes alone is read to know that it is.
    fn to_read(&self, skip_base: bool) -> Cow<'_, [Image]> {
        if !skip_base {
            return Cow::Borrowed(&self.images);
        }
        let images = self.images.iter().zip(&self.on_base).map(|(image, on_base)| {
            let pinned = on_base.bases.iter().find_map(|base| base.pinned(image));
            let own = image.layers.iter().skip(pinned.unwrap_or(0));
            Image { layers: own.cloned().collect(), ..image.clone() }
        });
        Cow::Owned(images.collect())
    }

    /// The layers whose bytes must show that they are a base's.
    fn proofs(&self) -> Proofs {
        let pairs = self.images.iter().zip(&self.on_base);
        let keys =
            pairs.flat_map(|(image, on_base)| on_base.bases.iter().flat_map(|base| base.proofs(image)));
        keys.cloned().collect()
    }
}

/// Places of keys in results.
fn places(results: &[ImageResult]) -> usize {
    let findings = results.iter().flat_map(|result| &result.findings);
    findings.map(|finding| finding.locations.len()).sum()
}

/// A target that the same words named before: what was resolved for them serves it too.
fn again(turns: &[Turn], text: &str, target: Target) -> Ready {
    match turns.iter().find(|turn| turn.text == text).map(|turn| &turn.ready) {
        Some(Ready::Planned(resolved)) => Ready::Planned(resolved.clone()),
        _ => Ready::Later(target),
    }
}

/// Bytes that an image takes while its layers are not read, about.
fn memory(image: &Image) -> usize {
    const BLOB: usize = 512;
    let documents = [&image.config_json, &image.manifest_json].into_iter().flatten().map(Vec::len);
    // The source has a copy of its own.
    2 * documents.sum::<usize>() + (image.layers.len() + image.attestations.len()).saturating_mul(BLOB)
}
