//! `keyseam inventory where`: all that holds a key.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use super::wanted::Wanted;
use super::{Opened, VERSION, days, imported, style, write_json};
use crate::cli::args::{ReachFormat, WhereArguments};
use crate::cli::output;
use crate::inventory::holders::{Holder, Holders, KeyFacts, Stand, Tagged};
use crate::inventory::spot::Origin;
use crate::inventory::workload::Import;
use crate::inventory::workloads::User;
use crate::inventory::{Inventory, InventoryError, day};
use crate::limits::INVENTORY_LINES;
use crate::report::text::{self, count, short_digest};
use crate::report::{Style, sanitize};

#[derive(Serialize)]
struct Answer<'a> {
    version: &'static str,
    keys: &'a [Holders],
    unknown: &'a [String],
    imports: &'a [Import],
}

/// Runs the command.
pub(super) fn run(arguments: &WhereArguments, stdout: &mut dyn Write) -> anyhow::Result<()> {
    let opened = Opened::new(&arguments.common)?;
    let wanted = Wanted::of(&arguments.what, &opened.key)?;
    let (mut keys, mut unknown) = (Vec::new(), Vec::new());
    let most = if arguments.format == ReachFormat::Json { usize::MAX } else { INVENTORY_LINES };
    for fingerprint in &wanted.fingerprints {
        let found =
            opened.inventory.as_ref().map(|inventory| inventory.holders(fingerprint, most)).transpose()?;
        match found.filter(|found| !found.is_empty()) {
            Some(found) => keys.extend(found),
            None => unknown.push(fingerprint.clone()),
        }
    }
    // Forms of one key: that some of them are not known says nothing.
    if wanted.is_one && !keys.is_empty() {
        unknown.clear();
    }
    let imports = opened.imports()?;
    if arguments.format == ReachFormat::Json {
        // Whoever reads the answer may take long, and nobody shall wait for that.
        drop(opened);
        let answer = Answer { version: VERSION, keys: &keys, unknown: &unknown, imports: &imports };
        return write_json(&answer, stdout);
    }
    let style = style(&arguments.common);
    let mut page = Page { lines: Vec::new(), room: 0, style };
    if let Some(inventory) = &opened.inventory {
        for holders in &keys {
            page.begin();
            page.key(inventory, holders, &imports)?;
        }
    }
    match (&opened.inventory, unknown.len()) {
        (None, _) => page.lines.push(opened.nothing()),
        (Some(_), 0) if keys.is_empty() => page.lines.push("there is no key in the report".to_owned()),
        (Some(_), 0) => {}
        (Some(_), _) if wanted.is_one => {
            page.lines.push(format!("no image or workload is known to hold {}", wanted.words));
        }
        (Some(_), many) => {
            let many = count(many, "key");
            page.lines.push(format!("of {}, {many} are not known to the inventory", wanted.words));
        }
    }
    drop(opened);
    Ok(output::to(stdout, |out| page.lines.iter().try_for_each(|line| writeln!(out, "{line}")))?)
}

/// A key in one line.
pub(super) fn title(key: &KeyFacts, style: &Style) -> String {
    let word = style.paint(key.severity.color(), key.severity.word().to_uppercase());
    let status = match (key.status.as_str(), key.asked_at) {
        ("unverified", _) | (_, 0) => String::new(),
        (status, at) => format!("  {status} on {}", day(at)),
    };
    let service = if key.name.contains(&key.service) || key.service.is_empty() {
        String::new()
    } else {
        format!(" of {}", key.service)
    };
    let detector = if key.detector.is_empty() { String::new() } else { format!("  ({})", key.detector) };
    let [name, service, detector] = [&key.name, &service, &detector].map(|text| style.clean(text));
    format!("{word}  {name}{service}{detector}{status}")
}

/// How far a key reaches.
pub(super) fn facts(holders: &Holders) -> Vec<String> {
    let tags = holders.tags().map(|tags| count(tags, "tag"));
    let images = count(holders.images_total, "image");
    [Some(images), tags, Some(repositories(holders.repositories))].into_iter().flatten().collect()
}

/// A number of repositories.
pub(super) fn repositories(number: usize) -> String {
    if number == 1 {
        "1 repository".to_owned()
    } else {
        format!("{} repositories", text::grouped(number as u64))
    }
}

/// Layer and step that brought a key.
pub(super) fn origin(origin: &Origin) -> String {
    let layer = origin.digest.as_ref().or(origin.diff_id.as_ref());
    let layer = layer.map_or_else(|| "no layer".to_owned(), |layer| format!("layer {}", short_digest(layer)));
    let step = origin.created_by.as_deref().map(|step| format!("  {}", sanitize::step(step)));
    let line = origin.dockerfile.as_ref().map(|line| format!("  ({}:{})", line.path, line.line));
    [Some(layer), step, line].into_iter().flatten().collect()
}

/// What is written of one run, line by line.
struct Page {
    lines: Vec<String>,
    /// Lines that the key at hand may still take.
    room: usize,
    style: Style,
}

impl Page {
    fn begin(&mut self) {
        if !self.lines.is_empty() {
            self.lines.push(String::new());
        }
        self.room = INVENTORY_LINES;
    }

    /// Adds a line, which takes of the room.
    fn put(&mut self, indent: usize, text: &str) {
        // Whole, however long: names are what it is about, and a terminal breaks lines itself.
        self.lines.push(format!("{:indent$}{}", "", self.style.clean(text)));
        self.room = self.room.saturating_sub(1);
    }

    fn has_room(&self) -> bool {
        self.room > 0
    }

    fn key(
        &mut self,
        inventory: &Inventory,
        holders: &Holders,
        imports: &[Import],
    ) -> Result<(), InventoryError> {
        let key = &holders.key;
        self.lines.push(title(key, &self.style));
        self.put(4, &key.fingerprint);
        let handles: Vec<String> =
            key.handles.iter().map(|(name, value)| format!("{name} {value}")).collect();
        if !handles.is_empty() {
            self.put(4, &handles.join(self.style.glyph(" · ", ", ")));
        }
        let mut facts = facts(holders);
        if key.last_seen > 0 {
            facts.push(format!("seen {}", days(key.first_seen, key.last_seen)));
        }
        self.put(4, &facts.join(self.style.glyph(" · ", ", ")));
        self.users(&holders.workloads, imports);
        let mut by_place: BTreeMap<usize, Vec<&Holder>> = BTreeMap::new();
        for holder in &holders.images {
            by_place.entry(holder.place.unwrap_or(usize::MAX)).or_default().push(holder);
        }
        let mut groups: Vec<_> = by_place.into_iter().collect();
        groups.sort_by_key(|(_, images)| std::cmp::Reverse(images.len()));
        let mut told = 0;
        for (place, images) in groups {
            if !self.has_room() {
                break;
            }
            self.place(holders.places.get(place));
            for holder in images {
                if !self.has_room() {
                    break;
                }
                self.image(inventory, holder, key)?;
                told += 1;
            }
        }
        let more = holders.images_total - told;
        if more > 0 {
            self.put(2, &format!("and {}; --format json lists them all", count(more, "more image")));
        }
        Ok(())
    }

    fn place(&mut self, place: Option<&Stand>) {
        const SHOWN: usize = 5;
        self.lines.push(String::new());
        let Some(place) = place else {
            self.put(2, "suppressed when it was found: where it stands is not recorded");
            return;
        };
        self.put(2, &origin(&place.introduced_by));
        for spot in place.locations.iter().take(SHOWN) {
            let removed = if spot.removed { "  (removed by a later layer)" } else { "" };
            self.put(6, &format!("{}{removed}", spot.words()));
        }
        let more =
            place.locations.len().saturating_sub(SHOWN) + usize::try_from(place.more).unwrap_or_default();
        if more > 0 {
            self.put(6, &format!("and {}", count(more, "more place")));
        }
    }

    fn image(
        &mut self,
        inventory: &Inventory,
        holder: &Holder,
        key: &KeyFacts,
    ) -> Result<(), InventoryError> {
        const TAGS: usize = 8;
        let names: Vec<String> =
            holder.tags.iter().filter(|tag| tag.until == 0).take(TAGS).map(Tagged::words).collect();
        let more = holder.tags.iter().filter(|tag| tag.until == 0).count().saturating_sub(TAGS);
        let more = if more > 0 { format!(" and {}", count(more, "more tag")) } else { String::new() };
        let name = if names.is_empty() { "no tag now".to_owned() } else { names.join(", ") + &more };
        let mut facts = vec![short_digest(&holder.digest).to_owned()];
        facts.extend(holder.platform.clone());
        facts.extend(
            holder.in_final_image.map(|is| if is { "in containers" } else { "pullers only" }.to_owned()),
        );
        facts.extend(holder.in_base.filter(|is| *is).map(|_| "from its base".to_owned()));
        facts.extend(holder.suppressed.then(|| "suppressed".to_owned()));
        facts.extend(holder.is_public().then(|| "anyone can pull it".to_owned()));
        if !holder.complete || holder.narrowed {
            facts
                .push(if holder.complete { "last scan narrowed" } else { "last scan incomplete" }.to_owned());
        }
        self.put(4, &format!("{name}  {}", facts.join(self.style.glyph(" · ", ", "))));
        for tag in holder.tags.iter().filter(|tag| tag.until > 0).take(TAGS) {
            let now = inventory.now(tag, key)?;
            let now = match now {
                None => "elsewhere".to_owned(),
                Some(now) => {
                    let holds = match now.holds {
                        Some(true) => "which holds it too",
                        Some(false) => "which does not hold it",
                        None => "of which it is not known: it was not scanned whole",
                    };
                    format!("to {}, {holds}", short_digest(&now.digest))
                }
            };
            self.put(6, &format!("{} until {}: it moved on {now}", tag.words(), day(tag.until)));
        }
        Ok(())
    }

    fn users(&mut self, users: &[User], imports: &[Import]) {
        const SHOWN: usize = 60;
        let known = imported(imports);
        if users.is_empty() {
            self.put(4, &format!("used by: none known; {known}"));
            return;
        }
        self.put(4, &format!("used by, and broken when it is revoked ({known}):"));
        for user in users.iter().take(SHOWN) {
            self.put(6, &user_line(user));
        }
        if users.len() > SHOWN {
            self.put(6, &format!("and {}", count(users.len() - SHOWN, "more workload")));
        }
    }
}

/// A workload and how sure it is that it uses the key.
pub(super) fn user_line(user: &User) -> String {
    let sure: Vec<String> = user
        .sure
        .iter()
        .map(|(sure, details)| {
            let details: Vec<&str> = details.iter().take(3).map(|detail| short_digest_of(detail)).collect();
            format!("{} ({})", sure.words(), details.join(", "))
        })
        .collect();
    format!("{}: {}", user.workload.whole_label(), sure.join("; "))
}

fn short_digest_of(text: &str) -> &str {
    if text.starts_with("sha256:") { short_digest(text) } else { text }
}
