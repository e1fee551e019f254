//! One image's result for the report: everything that was read of it, judged, attributed, redacted.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::asked::Asked;
use super::base::Base;
use super::baseline::Baseline;
use super::fingerprint::FingerprintKey;
use super::group::{Group, group};
use super::ignore::{FindingFacts, IgnoreRules, LocationFacts};
use super::location::{Ordinals, place};
use super::occurrence::{ContentOf, Occurrence, of_blobs, resolve};
use super::owner::Owners;
use super::pair::{self, Paired, Partner};
use super::rewrite::{KnownDockerfile, Rewriting};
use super::{evidence, exposure, known_public, remediation, step};
use crate::advice;
use crate::detect::catalogue::Catalogue;
use crate::detect::definition::Definition;
use crate::detect::own_secrets;
use crate::detect::redact::{self, Redactor};
use crate::detect::traces::Tracer;
use crate::detect::{DetectorIndex, Key};
use crate::dockerfile::rewrite::recorded;
use crate::dockerfile::{self, Dockerfile};
use crate::image::digest::Digest;
use crate::image::manifest::{Image, ImageKind};
use crate::layer::hashed_names::NameHasher;
use crate::limits::CONFIG_MATCHES;
use crate::report::model;
use crate::scan::Blobs;
use crate::scan::blob::BlobScan;
use crate::scan::config_units::{ConfigUnits, Unit};
use crate::scan::matches::{Finder, Found, Search, SegmentResult, Workspace, join};
use crate::scan::secret::{KeptSecret, Secret};
use crate::scan::segment::{Content, Segment};
use crate::target::normalise_reference;

/// What all images of a run are judged by.
pub struct Judge<'a> {
    /// The definitions of all detectors.
    pub catalogue: &'a Catalogue,
    /// The rules that found what was found.
    pub search: Search<'a>,
    /// Which detectors count (`--only`, `--skip`); indexed as the catalogue.
    pub selected: &'a dyn Fn(DetectorIndex) -> bool,
    /// The hashing key.
    pub fingerprints: &'a FingerprintKey,
    /// What the user set aside.
    pub ignore: &'a IgnoreRules,
    /// What the user knew before.
    pub baseline: &'a Baseline,
    /// What the images were built from, and what it is called.
    pub dockerfile: Option<&'a (String, Dockerfile)>,
    /// The path of that file in the image: of a build context, which holds its own.
    pub dockerfile_in: Option<&'a [u8]>,
    /// Whether what stands in the layers of a proven base is left out.
    pub skip_base: bool,
    /// Whether keys are shown whole.
    pub show_secrets: bool,
    /// What file names are hashed with in layers that a cache kept.
    pub names: Option<&'a NameHasher>,
    /// Where keys are kept that are asked about.
    pub subjects: Option<&'a Asked>,
}

/// How the image was asked for and where it came from.
#[derive(Clone, Debug)]
pub struct Target {
    /// As it was asked for.
    pub text: String,
    /// The kind of its source.
    pub source: model::SourceKind,
}

impl Judge<'_> {
    /// The result of one image. `redactor` comes to know its keys.
    pub fn judge(
        &self,
        target: &Target,
        image: &Image,
        blobs: &Blobs,
        redactor: &mut Redactor<'_>,
    ) -> model::ImageResult {
        self.judge_on(&[], target, image, blobs, redactor)
    }

    /// Whether no detector finds anything in an image's config, history and manifest: then a result of
    /// these says nothing, and costs more than the search.
    pub fn finds_nothing_in_config(&self, image: &Image, space: &mut Workspace) -> bool {
        let (found, unsearched) = self.in_units(&ConfigUnits::of(image).units, space);
        found.is_empty() && unsearched == 0
    }

    /// The result of one image that should be built on one of `bases`.
    pub fn judge_on(
        &self,
        bases: &[Arc<Base>],
        target: &Target,
        image: &Image,
        blobs: &Blobs,
        redactor: &mut Redactor<'_>,
    ) -> model::ImageResult {
        let config = ConfigUnits::of(image);
        let mut occurrences = of_blobs(image, blobs, self.fingerprints, self.names);
        for occurrence in &mut occurrences {
            let step = occurrence.layer.and_then(|layer| config.history.step_of_layer(layer));
            occurrence.history_index = step.map(|step| step.index);
        }
        let (mut in_config, unsearched) = self.in_units(&config.units, &mut Workspace::default());
        let too_many = in_config.len() > CONFIG_MATCHES;
        in_config.truncate(CONFIG_MATCHES);
        occurrences.extend(in_config);
        for occurrence in &occurrences {
            let found = &occurrence.found;
            match &found.secret {
                _ if self.is_handle(found.finder) => {}
                Secret::Read { key, raw } if self.is_guess(found.finder) => {
                    redactor.learn_guess(key, raw.expose(), self.shown(found.finder, key));
                }
                Secret::Read { key, raw } => {
                    redactor.learn(key, raw.expose(), self.shown(found.finder, key));
                }
                Secret::Kept(kept) => redactor.learn_traces(&kept.traces, &kept.shown),
            }
            found.handles.iter().for_each(|(_, id)| redactor.publish(id));
        }
        let attestations = image.attestations.iter().filter_map(|blob| blobs.get(&blob.key));
        attestations.flat_map(|scan| &scan.secrets).for_each(|secret| redactor.hide(secret));
        let companions = pair::wanted(self.catalogue, self.selected);
        occurrences.retain(|occurrence| match occurrence.found.finder {
            Finder::Detector(index) if companions.contains(&index) => true,
            finder => self.is_selected(finder),
        });
        exposure::weigh(&mut occurrences, image.pullable_by);
        let base = bases.iter().find_map(|base| Some((&**base, base.proven(image, blobs)?)));
        if let Some((_, layers)) = base.filter(|_| self.skip_base) {
            occurrences.retain(|occurrence| occurrence.layer.is_none_or(|layer| layer >= layers));
        }
        let owners = Owners::new(image, blobs);
        let generality = |finder| self.definition(finder).map_or(0, Definition::generality);
        let (used, occurrences): (Vec<Occurrence>, Vec<Occurrence>) =
            occurrences.into_iter().partition(|occurrence| self.is_evidence(occurrence.found.finder));
        let mut occurrences = resolve(occurrences, &generality);
        owners.weigh(&mut occurrences, self.catalogue);
        let dockerfile = self.dockerfile_of(image, blobs);
        let instructions = dockerfile.and_then(|(_, dockerfile)| dockerfile.chain(None)).unwrap_or_default();
        let lines = dockerfile::steps::lines(&instructions, &config.history.steps);
        let dockerfile = dockerfile.map(|(name, file)| KnownDockerfile::new(name, file, lines));
        let config = &config;
        let recorded = (!occurrences.is_empty()).then(|| recorded::dockerfile(&config.history.steps));
        let recorded = recorded.as_ref().map(|(file, hidden)| Rewriting::new(file, hidden.clone()));
        let view = View {
            judge: self,
            image,
            blobs,
            owners,
            config,
            dockerfile,
            recorded,
            too_many,
            unsearched,
            base,
            redactor,
            guides: RefCell::default(),
        };
        let mut result = view.result(target, pair::pair(group(occurrences), self.catalogue));
        let (used, left_out) = evidence::of(&view, &used);
        result.evidence = used;
        if left_out > 0 {
            result.warnings.push(format!("further evidence of keys in use is not told: {left_out} places"));
        }
        if let (None, Some(base)) = (base, bases.first()) {
            let line = format!(
                "the layers of {} are not proven to be the first ones of {}: which are its own is not told",
                base.name, target.text
            );
            result.warnings.push(view.clean(&line));
        }
        result
    }

    /// What an image was built from: what the user says, or else what its attestations hold.
    fn dockerfile_of<'b>(&'b self, image: &Image, blobs: &'b Blobs) -> Option<&'b (String, Dockerfile)> {
        let mut attested = image.attestations.iter().filter_map(|blob| blobs.get(&blob.key));
        self.dockerfile.or_else(|| attested.find_map(|scan| scan.dockerfile.as_ref()))
    }

    fn is_selected(&self, finder: Finder) -> bool {
        match finder {
            Finder::Detector(index) => (self.selected)(index),
            Finder::OwnSecret(_) => true,
        }
    }

    /// What found a key; none for a secret that the team itself named.
    fn definition(&self, finder: Finder) -> Option<&Definition> {
        match finder {
            Finder::Detector(index) => self.catalogue.get(index),
            Finder::OwnSecret(_) => None,
        }
    }

    /// Whether nothing but a name says that it is a secret.
    fn is_guess(&self, finder: Finder) -> bool {
        self.definition(finder).is_some_and(Definition::is_guess)
    }

    /// Whether what is found is no key but shows one in use.
    fn is_evidence(&self, finder: Finder) -> bool {
        self.definition(finder).is_some_and(|definition| definition.evidence)
    }

    /// Whether what is found may stand in clear: an id, not a secret.
    fn is_handle(&self, finder: Finder) -> bool {
        self.definition(finder).is_some_and(Definition::is_handle)
    }

    /// Searches the texts of config, history and manifest, until more than enough is found; and how many
    /// stretches of them were not searched to their end.
    fn in_units(&self, units: &[Unit], space: &mut Workspace) -> (Vec<Occurrence>, u64) {
        let mut occurrences = Vec::new();
        let mut unsearched = 0;
        for (id, unit) in units.iter().enumerate() {
            if occurrences.len() > CONFIG_MATCHES {
                break;
            }
            let content = Content::of_text(id as u64, unit.place, unit.name.clone());
            let segment = Segment::whole(content, unit.text.clone());
            let results = self.search.segment(&segment, &[], space);
            unsearched += results.as_ref().map_or(0, SegmentResult::given_up);
            occurrences.extend(join(results).into_iter().map(|found| Occurrence {
                place: unit.place,
                layer: unit.layer,
                entry: None,
                content: (ContentOf::Config, id as u64),
                path: None,
                name: unit.name.clone(),
                offset: found.offset.saturating_sub(unit.value_offset as u64),
                length: found.length,
                line: None,
                column: None,
                history_index: unit.history_index,
                in_final_image: unit.in_final_image,
                removed_by: None,
                decoded: 0,
                steps: Vec::new(),
                fingerprint: self.fingerprints.of(&found.found.secret),
                found: found.found,
                also: Vec::new(),
            }));
        }
        (occurrences, unsearched)
    }

    /// What may be kept of a key's value; none of one that was not read in this run.
    pub fn kept_secret(&self, found: &Found, tracer: &Tracer) -> Option<KeptSecret> {
        let Secret::Read { key, raw } = &found.secret else { return None };
        let definition = self.definition(found.finder);
        let is_id = self.is_handle(found.finder);
        let id = is_id.then(|| String::from_utf8_lossy(key.expose()).into_owned());
        let forms = if is_id { BTreeSet::new() } else { Redactor::forms_to_hide(key, raw.expose()) };
        Some(KeptSecret {
            fingerprint: self.fingerprints.fingerprint(key).to_string(),
            shown: self.shown(found.finder, key),
            published: known_public::published(key).map(str::to_owned),
            id,
            has_prefix: definition.is_some_and(|definition| definition.is_prefixed(key)),
            traces: forms.iter().map(|form| tracer.trace(form)).collect(),
        })
    }

    /// A key's value as it may be shown.
    fn shown_secret(&self, finder: Finder, secret: &Secret) -> String {
        match secret {
            Secret::Read { key, .. } => self.shown(finder, key),
            Secret::Kept(kept) => kept.shown.clone(),
        }
    }

    /// The key as it may be shown.
    fn shown(&self, finder: Finder, key: &Key) -> String {
        let definition = self.definition(finder);
        definition.map_or_else(|| HIDDEN.to_owned(), |definition| redact::redacted(key.expose(), definition))
    }
}

/// What one image's result is made from.
pub(super) struct View<'a> {
    pub(super) judge: &'a Judge<'a>,
    pub(super) image: &'a Image,
    pub(super) blobs: &'a Blobs,
    owners: Owners<'a>,
    pub(super) config: &'a ConfigUnits,
    pub(super) dockerfile: Option<KnownDockerfile<'a>>,
    /// The steps of its history in place of a Dockerfile.
    pub(super) recorded: Option<Rewriting<'a>>,
    /// Whether config and manifest hold more keys than are kept.
    pub(super) too_many: bool,
    /// Stretches of config and manifest that were not searched to their end.
    pub(super) unsearched: u64,
    /// The image's base, and how many of its layers are that's.
    base: Option<(&'a Base, usize)>,
    pub(super) redactor: &'a Redactor<'a>,
    /// By detector and service.
    guides: RefCell<HashMap<(String, String), Arc<model::Guide>>>,
}

impl View<'_> {
    fn result(&self, target: &Target, paired: Paired) -> model::ImageResult {
        let image = self.image;
        let (findings, suppressed) = self.findings(&paired);
        let errors = self.errors();
        let text = |digest: &Option<Digest>| digest.as_ref().map(ToString::to_string);
        model::ImageResult {
            target: self.clean(&target.text),
            reference: image.name.as_deref().map(|name| self.clean(&reference(name, target.source))),
            repo_digests: image.repo_digests.iter().map(|digest| self.clean(digest)).collect(),
            source: target.source,
            kind: if image.kind == ImageKind::Image { "image" } else { "artifact" },
            manifest_digest: text(&image.manifest_digest),
            index_digest: text(&image.index_digest),
            config_digest: text(&image.config_digest),
            pullable_by: image.pullable_by.map(exposure::reported),
            base_image: self.base.map(|(base, _)| model::BaseImage {
                name: self.clean(&base.name),
                manifest_digest: text(&base.manifest_digest),
            }),
            platform: image.platform.as_ref().map(|platform| self.clean(&platform.to_string())),
            layers: self.layers(),
            findings,
            suppressed,
            evidence: Vec::new(),
            complete: errors.is_empty(),
            errors,
            warnings: self.warnings(),
            opaque: self.opaque(),
            stats: self.stats(),
        }
    }

    /// The line of the Dockerfile that a build step came from.
    pub(super) fn dockerfile_line(&self, step: usize) -> Option<model::DockerfileLine> {
        let known = self.dockerfile.as_ref()?;
        let line = known.line(step)?;
        Some(model::DockerfileLine { path: self.clean(known.name), line: line as u64 })
    }

    /// How many of the first layers are the base's.
    pub(super) fn base_layers(&self) -> usize {
        self.base.map_or(0, |(_, layers)| layers)
    }

    /// The last step that made a layer of the base.
    pub(super) fn last_base_step(&self) -> Option<usize> {
        let last = self.base_layers().checked_sub(1)?;
        self.config.history.step_of_layer(last).map(|step| step.index)
    }

    /// How many of the first layers nobody asked about.
    pub(super) fn left_out(&self) -> usize {
        self.base.filter(|_| self.judge.skip_base).map_or(0, |(_, layers)| layers)
    }

    pub(super) fn clean(&self, text: &str) -> String {
        self.redactor.clean(text)
    }

    pub(super) fn scan_of(&self, layer: usize) -> Option<&BlobScan> {
        self.image.layers.get(layer).and_then(|blob| self.blobs.get(&blob.key)).map(|scan| &**scan)
    }

    fn layers(&self) -> Vec<model::Layer> {
        self.image.layers.iter().enumerate().map(|(index, blob)| self.layer(index, blob)).collect()
    }

    fn layer(&self, index: usize, blob: &crate::image::manifest::ImageBlob) -> model::Layer {
        let scan = self.blobs.get(&blob.key);
        let digest = blob.digest.as_ref().or_else(|| scan.and_then(|scan| scan.digest.as_ref()));
        let diff_id = blob.diff_id.as_ref().or_else(|| scan.and_then(|scan| scan.diff_id.as_ref()));
        let step = self.config.history.step_of_layer(index).map(|step| step.index);
        model::Layer {
            index,
            digest: digest.map(ToString::to_string),
            diff_id: diff_id.map(ToString::to_string),
            media_type: blob.media_type.as_deref().map(|text| self.clean(text)),
            size: blob.size.or_else(|| scan.map(|scan| scan.stored)).unwrap_or(0),
            created_by: step.and_then(|step| self.created_by(step)),
            history_index: step,
            base: self.base.map(|(_, layers)| index < layers),
            added: None,
            cached: scan.is_some_and(|scan| scan.cached),
            files: scan.map_or(0, |scan| scan.files),
            bytes: scan.map_or(0, |scan| scan.bytes),
        }
    }

    /// A build step as it may be shown: keys redacted, build arguments and secret-looking values masked.
    pub(super) fn created_by(&self, step: usize) -> Option<String> {
        let step = self.config.history.steps.get(step)?;
        Some(self.redactor.clean_and_hide(&step.created_by, step::secret_values(step)))
    }

    fn findings(&self, paired: &Paired) -> (Vec<model::Finding>, Vec<model::Suppressed>) {
        let mut ordinals = Ordinals::new();
        let mut judged = Vec::new();
        for (group, partners) in paired.groups.iter().zip(&paired.partners) {
            let Some(first) = group.introduced() else { continue };
            let companions = partners.iter().map(|partner| self.companion(partner, paired)).collect();
            let finding = self.finding(group, first, companions, &mut ordinals);
            let rule = group.published().or_else(|| self.ignored(&finding, group));
            let rule = rule.or_else(|| self.judge.baseline.matches(&group.fingerprint));
            judged.push((finding, rule, self.judge.is_selected(group.finder)));
        }
        // A suppressed secret takes no id along: that one may open more than is known of it.
        let is_reported = |group: usize| judged.get(group).is_some_and(|(_, rule, on)| rule.is_none() && *on);
        let absorbed = paired.absorbed(is_reported);
        let (mut findings, mut suppressed) = (Vec::new(), Vec::new());
        for (number, (finding, rule, selected)) in judged.into_iter().enumerate() {
            match rule {
                _ if !selected || absorbed.contains(&number) => {}
                Some(rule) => suppressed.push(model::Suppressed {
                    fingerprint: finding.fingerprint,
                    detector: finding.detector,
                    by: self.clean(&rule),
                }),
                None => {
                    let place = paired.groups.get(number).zip(paired.partners.get(number));
                    place.into_iter().for_each(|(group, partners)| self.remember(&finding, group, partners));
                    findings.push(finding);
                }
            }
        }
        (findings, suppressed)
    }

    /// The ignore rule that a finding meets.
    fn ignored(&self, finding: &model::Finding, group: &Group) -> Option<String> {
        let location = |occurrence: &'_ Occurrence| {
            let layer = occurrence.layer.and_then(|layer| self.image.layers.get(layer));
            (layer.and_then(|layer| layer.digest.clone()), layer.and_then(|layer| layer.diff_id.clone()))
        };
        let digests: Vec<_> = group.occurrences.iter().map(location).collect();
        let locations: Vec<LocationFacts<'_>> = group
            .occurrences
            .iter()
            .zip(&digests)
            .map(|(occurrence, (digest, diff_id))| LocationFacts {
                path: occurrence.path.as_deref(),
                digest: digest.as_ref(),
                diff_id: diff_id.as_ref(),
            })
            .collect();
        self.judge.ignore.matches(&FindingFacts {
            fingerprint: &finding.fingerprint,
            place: &finding.place,
            detector: &finding.detector,
            locations: &locations,
        })
    }

    fn finding(
        &self,
        group: &Group,
        first: &Occurrence,
        companions: Vec<model::Companion>,
        ordinals: &mut Ordinals,
    ) -> model::Finding {
        let rule = self.rule(group.finder);
        let locations: Vec<_> = group.occurrences.iter().map(|place| self.location(place)).collect();
        let in_final_image = group.in_final_image();
        let secret = if self.judge.show_secrets {
            shown_whole(&first.found)
        } else {
            self.judge.shown_secret(group.finder, &first.found.secret)
        };
        model::Finding {
            fingerprint: group.fingerprint.to_string(),
            place: place(&rule.id, first, locations.first(), ordinals).to_string(),
            severity: group.severity,
            confidence: group.confidence,
            secret,
            handles: group.handles.iter().map(|(name, value)| (name.clone(), self.clean(value))).collect(),
            introduced_by: self.origin(first),
            in_final_image,
            exposed_to: if in_final_image && self.image.kind == ImageKind::Image {
                "container"
            } else {
                "puller"
            },
            locations,
            also: group.also.iter().map(|finder| self.rule(*finder).id).collect(),
            companions,
            owner: self.owner(first),
            verification: model::Verification::default(),
            known: None,
            remediation: model::Remediation {
                rewrite: self.rewrite(group, first, rule.definition),
                ..remediation::advice(rule.definition, self.guide(&rule), first, in_final_image)
            },
            detector: rule.id,
            name: rule.name,
            service: rule.service,
            category: rule.category,
        }
    }

    /// What to do about keys of a rule. An image may hold very many of them.
    fn guide(&self, rule: &Rule<'_>) -> Arc<model::Guide> {
        let mut guides = self.guides.borrow_mut();
        let guide = guides.entry((rule.id.clone(), rule.service.clone()));
        let made = guide.or_insert_with(|| Arc::new(advice::guide(rule.definition, &rule.service)));
        Arc::clone(made)
    }

    fn owner(&self, first: &Occurrence) -> Option<model::Owner> {
        self.owners.of(first).map(|owner| model::Owner {
            package: self.clean(&owner.package),
            version: self.clean(&owner.version),
            ..owner
        })
    }

    fn companion(&self, partner: &Partner, paired: &Paired) -> model::Companion {
        let own = partner.group.and_then(|group| paired.groups.get(group));
        let places = own.into_iter().flat_map(|group| &group.occurrences);
        model::Companion {
            role: partner.role.clone(),
            value: self.clean(&partner.value),
            near: partner.near.word(),
            locations: places.map(|occurrence| self.location(occurrence)).collect(),
        }
    }

    pub(super) fn rule(&self, finder: Finder) -> Rule<'_> {
        match finder {
            Finder::Detector(index) => {
                let definition = self.judge.catalogue.get(index);
                Rule {
                    id: definition.map(|known| known.id.clone()).unwrap_or_default(),
                    name: definition.map(|known| known.name.clone()).unwrap_or_default(),
                    service: definition.map(|known| known.service.clone()).unwrap_or_default(),
                    category: definition.map(|known| known.category.word().to_owned()).unwrap_or_default(),
                    definition,
                }
            }
            Finder::OwnSecret(number) => Rule {
                id: own_secrets::DETECTOR_ID.to_owned(),
                name: own_secrets::DETECTOR_NAME.to_owned(),
                service: self
                    .judge
                    .search
                    .own_secrets
                    .map_or_else(String::new, |own| own.name(number).to_owned()),
                category: "generic".to_owned(),
                definition: None,
            },
        }
    }
}

/// What stands for a key of which nothing may be shown.
const HIDDEN: &str = "…";

/// What the report says of the rule that found a key.
pub(super) struct Rule<'a> {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) service: String,
    category: String,
    definition: Option<&'a Definition>,
}

/// A name in its full form. In an OCI layout it may be a tag alone, which names no repository.
fn reference(name: &str, source: model::SourceKind) -> String {
    let is_tag_alone = source != model::SourceKind::DockerArchive && !name.contains(['/', ':']);
    let full = if is_tag_alone { None } else { normalise_reference(name) };
    full.unwrap_or_else(|| name.to_owned())
}

/// A key as it stands in the image; one that stands there encoded, as it reads.
fn shown_whole(found: &Found) -> String {
    match &found.secret {
        Secret::Read { key, raw } => {
            let is_decoded = !found.encodings.is_empty();
            let decoded = std::str::from_utf8(key.expose()).ok().filter(|_| is_decoded);
            decoded.map_or_else(|| String::from_utf8_lossy(raw.expose()).into_owned(), str::to_owned)
        }
        Secret::Kept(kept) => kept.shown.clone(),
    }
}
