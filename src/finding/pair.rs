//! Pairs: a secret and the id, account or host that it belongs to are one finding, also where they stand
//! in two files, layers or variables of the image.
//!
//! Companions within some lines of a key are found with it. What stands further away is joined here, and
//! only where nothing else could be meant: at the nearest of content, folder (or the image's config),
//! layer and image at which there is any, the secret has this one candidate and the candidate this one
//! secret. Of several that are equally near none is taken.

mod turns;

use std::collections::{BTreeSet, HashMap, HashSet};

use super::group::Group;
use super::occurrence::{ContentOf, Occurrence};
use crate::detect::DetectorIndex;
use crate::detect::catalogue::Catalogue;
use crate::detect::definition::{Companion, Definition};
use crate::scan::matches::Finder;
use crate::scan::secret::Secret;

/// How near a companion stands to its secret, the nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Near {
    /// Within the lines that the detector names.
    Lines,
    /// In the same content.
    Content,
    /// In files of one folder, whatever their layers.
    Folder,
    /// In config or manifest, as two variables of one image.
    Config,
    /// In one layer.
    Layer,
    /// In one image.
    Image,
}

impl Near {
    /// The word of the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Content => "content",
            Self::Folder => "folder",
            Self::Config => "config",
            Self::Layer => "layer",
            Self::Image => "image",
        }
    }
}

/// What belongs to a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partner {
    /// What it is to the secret.
    pub role: String,
    /// As it may be shown.
    pub value: String,
    /// How near it stands.
    pub near: Near,
    /// Its own group, where it is found by itself.
    pub group: Option<usize>,
}

/// The groups of an image, each secret with its partners. A partner's group stays among them.
pub struct Paired {
    /// Without the secrets that lack a companion which the image does not hold.
    pub groups: Vec<Group>,
    /// By group: what belongs to it.
    pub partners: Vec<Vec<Partner>>,
}

impl Paired {
    /// The groups that need no finding of their own: they stand in one that is reported.
    pub fn absorbed(&self, is_reported: impl Fn(usize) -> bool) -> BTreeSet<usize> {
        let reported = self.partners.iter().enumerate().filter(|(group, _)| is_reported(*group));
        reported.flat_map(|(_, partners)| partners).filter_map(|partner| partner.group).collect()
    }
}

/// The detectors whose finds are companions of those that are `selected`.
pub fn wanted(catalogue: &Catalogue, selected: impl Fn(DetectorIndex) -> bool) -> HashSet<DetectorIndex> {
    let chosen = catalogue.indexed().filter(|(index, _)| selected(*index));
    let companions = chosen.flat_map(|(_, definition)| &definition.companions);
    companions.filter_map(|companion| catalogue.find(&companion.detector)).collect()
}

/// Joins what belongs together.
pub fn pair(groups: Vec<Group>, catalogue: &Catalogue) -> Paired {
    let by_finder = by_finder(&groups);
    let (groups, by_finder) = if groups.iter().any(Group::is_incomplete) {
        let has = |detector| by_finder.contains_key(&Finder::Detector(detector));
        let groups: Vec<Group> =
            groups.into_iter().filter(|group| is_possible(group, catalogue, &has)).collect();
        let by_finder = self::by_finder(&groups);
        (groups, by_finder)
    } else {
        (groups, by_finder)
    };
    let mut partners = vec![Vec::new(); groups.len()];
    for (finder, secrets) in &by_finder {
        let Some(definition) = definition(*finder, catalogue) else { continue };
        for companion in &definition.companions {
            let Some(other) = catalogue.find(&companion.detector) else { continue };
            let ids = by_finder.get(&Finder::Detector(other)).map_or(&[][..], Vec::as_slice);
            let is_shown = catalogue.get(other).is_some_and(Definition::is_handle);
            let joining = Joining { groups: &groups, companion, secrets, ids, is_shown };
            joining.join(&mut partners);
        }
    }
    Paired { groups, partners }
}

/// Groups by detector, in their order.
fn by_finder(groups: &[Group]) -> HashMap<Finder, Vec<usize>> {
    let mut map: HashMap<Finder, Vec<usize>> = HashMap::new();
    for (index, group) in groups.iter().enumerate() {
        map.entry(group.finder).or_default().push(index);
    }
    map
}

fn definition(finder: Finder, catalogue: &Catalogue) -> Option<&Definition> {
    match finder {
        Finder::Detector(index) => catalogue.get(index),
        Finder::OwnSecret(_) => None,
    }
}

/// Whether a key has all that it needs to open anything: beside it, or somewhere in the image.
fn is_possible(group: &Group, catalogue: &Catalogue, has: &dyn Fn(DetectorIndex) -> bool) -> bool {
    let companions = definition(group.finder, catalogue).map_or(&[][..], |known| &known.companions);
    let mut required = companions.iter().filter(|companion| companion.required);
    !group.is_incomplete() || required.all(|companion| catalogue.find(&companion.detector).is_some_and(has))
}

/// The secrets of one detector and the ids of another, as far as the image holds them.
struct Joining<'a> {
    groups: &'a [Group],
    companion: &'a Companion,
    secrets: &'a [usize],
    ids: &'a [usize],
    /// Whether ids stand in clear, so that one can be told by its value.
    is_shown: bool,
}

impl Joining<'_> {
    fn join(&self, partners: &mut [Vec<Partner>]) {
        let mut taken = HashSet::new();
        let mut lonely = Vec::new();
        let near = self.near(&mut taken);
        for (secret, beside) in self.secrets.iter().zip(near) {
            if beside.is_empty() {
                lonely.push(*secret);
            } else if let Some(list) = partners.get_mut(*secret) {
                list.extend(beside);
            }
        }
        let mut free: Vec<usize> = self.ids.iter().copied().filter(|id| !taken.contains(id)).collect();
        // What everybody knows belongs to nobody.
        let is_private =
            |group: &usize| self.groups.get(*group).is_some_and(|group| group.published().is_none());
        free.retain(is_private);
        lonely.retain(is_private);
        for ring in RINGS {
            if free.is_empty() || lonely.is_empty() {
                return;
            }
            let pairs = self.only_pairs(ring, &lonely, &free);
            for (secret, id) in &pairs {
                let value = self.groups.get(*id).map(value_of).unwrap_or_default();
                let near = self.nearness(ring, *secret, *id);
                let partner = Partner { role: self.companion.role.clone(), value, near, group: Some(*id) };
                partners.get_mut(*secret).into_iter().for_each(|list| list.push(partner.clone()));
            }
            let (secrets, ids): (HashSet<usize>, HashSet<usize>) = pairs.into_iter().unzip();
            lonely.retain(|secret| !secrets.contains(secret));
            free.retain(|id| !ids.contains(id));
        }
    }

    /// By secret: what was found within the lines around it. Where secrets and ids take turns, each has
    /// its own only.
    fn near(&self, taken: &mut HashSet<usize>) -> Vec<Vec<Partner>> {
        let by_value: HashMap<String, usize> = if self.is_shown {
            self.ids.iter().filter_map(|id| Some((value_of(self.groups.get(*id)?), *id))).collect()
        } else {
            HashMap::new()
        };
        let beside = |group: &Group| -> Vec<String> {
            let fitting = group.companions.iter().filter(|(role, _)| *role == self.companion.role);
            fitting.map(|(_, value)| value.clone()).collect()
        };
        let lists: Vec<Vec<String>> = self
            .secrets
            .iter()
            .map(|index| self.groups.get(*index).map(beside).unwrap_or_default())
            .collect();
        let several = lists.iter().any(|values| values.len() > 1);
        let turns = if several { turns::of(self.groups, self.secrets, self.ids) } else { HashMap::new() };
        let mut all = Vec::new();
        for (secret, mut values) in self.secrets.iter().zip(lists) {
            let own = turns.get(secret).and_then(|id| self.groups.get(*id)).map(value_of);
            if let Some(own) = own.filter(|own| values.contains(own)) {
                values = vec![own];
            }
            let partner = |value: String| Partner {
                role: self.companion.role.clone(),
                group: by_value.get(&value).copied(),
                near: Near::Lines,
                value,
            };
            let found: Vec<Partner> = values.into_iter().map(partner).collect();
            taken.extend(found.iter().filter_map(|partner| partner.group));
            all.push(found);
        }
        all
    }

    /// The pairs of which each half sees nothing but the other in the ring around it.
    fn only_pairs(&self, ring: Ring, secrets: &[usize], ids: &[usize]) -> Vec<(usize, usize)> {
        let (secrets_at, ids_at) = (self.seen(ring, secrets), self.seen(ring, ids));
        let mut pairs = Vec::new();
        for secret in secrets {
            let Seen::One(id) = self.around(ring, *secret, &ids_at) else { continue };
            if self.around(ring, id, &secrets_at) == Seen::One(*secret) {
                pairs.push((*secret, id));
            }
        }
        pairs
    }

    /// By neighbourhood: which of `members` stand there.
    fn seen(&self, ring: Ring, members: &[usize]) -> HashMap<Neighbourhood<'_>, Seen> {
        let mut seen: HashMap<Neighbourhood<'_>, Seen> = HashMap::new();
        for member in members {
            for occurrence in self.groups.get(*member).into_iter().flat_map(|group| &group.occurrences) {
                let Some(at) = neighbourhood(ring, occurrence) else { continue };
                let known = seen.entry(at).or_insert(Seen::None);
                *known = known.and(Seen::One(*member));
            }
        }
        seen
    }

    /// What of `seen` stands in any neighbourhood of a group.
    fn around(&self, ring: Ring, group: usize, seen: &HashMap<Neighbourhood<'_>, Seen>) -> Seen {
        let occurrences = self.groups.get(group).into_iter().flat_map(|group| &group.occurrences);
        let places = occurrences.filter_map(|occurrence| neighbourhood(ring, occurrence));
        places.filter_map(|at| seen.get(&at)).fold(Seen::None, |all, there| all.and(*there))
    }

    /// The word for a ring in which a pair was found.
    fn nearness(&self, ring: Ring, secret: usize, id: usize) -> Near {
        let in_config = |group: usize| {
            let mut all = self.groups.get(group).into_iter().flat_map(|group| &group.occurrences);
            all.any(|occurrence| occurrence.content.0 == ContentOf::Config)
        };
        match ring {
            Ring::Content => Near::Content,
            Ring::Folder if in_config(secret) && in_config(id) => Near::Config,
            Ring::Folder => Near::Folder,
            Ring::Layer => Near::Layer,
            Ring::Image => Near::Image,
        }
    }
}

/// An id as it is shown beside a key.
fn value_of(group: &Group) -> String {
    group.secret().map(Secret::shown_id).unwrap_or_default()
}

/// How far is looked, one ring after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ring {
    Content,
    Folder,
    Layer,
    Image,
}

const RINGS: [Ring; 4] = [Ring::Content, Ring::Folder, Ring::Layer, Ring::Image];

/// What two places have in common that are near each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Neighbourhood<'a> {
    Content((ContentOf, u64)),
    Folder(&'a [u8]),
    Document(ContentOf),
    Layer(usize),
    Image,
}

fn neighbourhood(ring: Ring, occurrence: &Occurrence) -> Option<Neighbourhood<'_>> {
    match ring {
        Ring::Content => Some(Neighbourhood::Content(occurrence.content)),
        Ring::Folder => match (occurrence.content.0, occurrence.path.as_deref()) {
            (ContentOf::Layer(_), Some(path)) => Some(Neighbourhood::Folder(folder(path))),
            (ContentOf::Layer(_), None) => None,
            (document, _) => Some(Neighbourhood::Document(document)),
        },
        Ring::Layer => occurrence.layer.map(Neighbourhood::Layer),
        Ring::Image => Some(Neighbourhood::Image),
    }
}

/// The folder of a file; layers record paths with and without `./`.
fn folder(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b"./").unwrap_or(path);
    let path = path.strip_prefix(b"/").unwrap_or(path);
    memchr::memrchr(b'/', path).and_then(|end| path.get(..end)).unwrap_or_default()
}

/// Which groups stand in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    None,
    One(usize),
    Several,
}

impl Seen {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, seen) | (seen, Self::None) => seen,
            (Self::One(one), Self::One(two)) if one == two => self,
            _ => Self::Several,
        }
    }
}
