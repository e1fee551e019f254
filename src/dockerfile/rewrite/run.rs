//! RUN: the key in its command, the variables and files that it used to have, and the files that it writes the key to.

use std::ops::Range;

use super::diff::Edit;
use super::variables::is_name;
use super::{Draft, Mount, Place, commands, files, shell};
use crate::dockerfile::Instruction;

/// What a command changes or removes of a file that is only there for a step: it is left out.
const KEEPERS: [&str; 5] = ["rm", "chmod", "chown", "shred", "unlink"];

/// Files that the writing to is left out of one RUN.
const MOST_WRITTEN: usize = 8;

/// A RUN in the making.
struct Command<'i> {
    text: &'i str,
    /// Its simple commands, where it is a list of them.
    segments: Vec<Range<usize>>,
    /// By segment, whether it goes.
    gone: Vec<bool>,
    documents_gone: bool,
    mounts: Vec<Mount>,
    /// Of the arguments.
    edits: Vec<(Range<usize>, String)>,
}

impl<'i> Command<'i> {
    fn of(instruction: &'i Instruction) -> Self {
        let text = instruction.arguments.as_str();
        let is_list = commands::json(text).is_none();
        let segments = shell::segments(text).filter(|_| is_list).unwrap_or_default();
        let gone = vec![false; segments.len()];
        Self { text, segments, gone, documents_gone: false, mounts: Vec::new(), edits: Vec::new() }
    }

    fn segment(&self, at: usize) -> &'i str {
        self.segments.get(at).and_then(|range| self.text.get(range.clone())).unwrap_or_default()
    }

    fn staying(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.segments.len()).filter(|at| self.gone.get(*at) == Some(&false))
    }

    fn remove(&mut self, at: usize) {
        if let Some(gone) = self.gone.get_mut(at) {
            *gone = true;
        }
    }

    fn is_gone(&self) -> bool {
        !self.segments.is_empty() && self.staying().next().is_none()
    }

    /// What stays of it, here-documents too.
    fn rest(&self, instruction: &Instruction) -> String {
        let mut cuts: Vec<Range<usize>> = self.cuts();
        cuts.extend(self.edits.iter().map(|(range, _)| range.clone()));
        cuts.sort_by_key(|cut| cut.start);
        let (mut rest, mut at) = (String::new(), 0);
        for cut in cuts {
            rest.push_str(self.text.get(at..cut.start).unwrap_or_default());
            rest.push('\n');
            at = cut.end.max(at);
        }
        rest.push_str(self.text.get(at..).unwrap_or_default());
        for document in instruction.heredocs.iter().filter(|_| !self.documents_gone) {
            rest.push('\n');
            rest.push_str(&document.text);
        }
        rest
    }

    /// What is cut of the arguments so that segments go, with what joins them to others.
    fn cuts(&self) -> Vec<Range<usize>> {
        let last = self.staying().last();
        let mut kept: Option<&Range<usize>> = None;
        let mut cuts: Vec<Range<usize>> = Vec::new();
        for (at, span) in self.segments.iter().enumerate() {
            if self.gone.get(at) != Some(&true) {
                kept = Some(span);
                continue;
            }
            let is_behind_all = last.is_none_or(|last| last < at);
            cuts.push(match (kept, self.segments.get(at + 1)) {
                (Some(kept), _) if is_behind_all => kept.end..span.end,
                (_, Some(next)) => span.start..next.start,
                _ => span.clone(),
            });
        }
        cuts
    }

    fn mount(&mut self, mount: Mount) {
        if !self.mounts.contains(&mount) {
            self.mounts.push(mount);
        }
    }
}

impl<'a> Draft<'a, '_> {
    /// Writes a RUN otherwise.
    pub(super) fn run(&mut self, index: usize, instruction: &'a Instruction) {
        let mut command = Command::of(instruction);
        self.leave_out_writes(index, instruction, &mut command);
        self.without_users_in_addresses(index, &mut command);
        self.read_missing(index, instruction, &mut command);
        if command.is_gone() {
            self.change(index).dropped = true;
            return;
        }
        self.replace_keys(index, instruction, &mut command);
        let rest = command.rest(instruction);
        let named: Vec<(String, String)> = self
            .variables_at(index)
            .filter(|(name, _)| shell::names(&rest, name))
            .map(|(name, one)| (name.clone(), one.id.clone()))
            .collect();
        for (name, id) in named {
            self.used.insert(name.clone());
            command.mount(Mount::Variable { id, name });
        }
        self.say_what_is_written(index, instruction, &command);
        self.keep(index, instruction, command);
    }

    fn keep(&mut self, index: usize, instruction: &Instruction, command: Command<'_>) {
        let at =
            |range: Range<usize>, with: String| Edit { range: instruction.source.of_arguments(&range), with };
        let mut edits: Vec<Edit> = command.cuts().into_iter().map(|cut| at(cut, String::new())).collect();
        edits.extend(command.edits.iter().map(|(range, with)| at(range.clone(), with.clone())));
        if command.documents_gone {
            edits.push(Edit { range: instruction.source.documents.clone(), with: String::new() });
        }
        if edits.is_empty() && command.mounts.is_empty() {
            return;
        }
        let change = self.change(index);
        change.edits.extend(edits);
        change.mounts.extend(command.mounts);
    }

    /// Leaves out the commands that write the key to a file that programs look for: the file is mounted.
    fn leave_out_writes(&mut self, index: usize, instruction: &'a Instruction, command: &mut Command<'_>) {
        let in_documents = std::cell::OnceCell::new();
        let mut written: Vec<(String, Mount)> = Vec::new();
        let moved = (0..command.segments.len()).find(|at| command.segment(*at).starts_with("cd "));
        for at in 0..command.segments.len() {
            let segment = command.segment(at);
            let has_key = |text: &str| {
                (self.is_text_of(index) && !self.keys_in(text).is_empty())
                    || self.variables_at(index).any(|(name, _)| !shell::references(text, name).is_empty())
            };
            let is_given =
                segment.contains("/run/secrets/") && self.leaks.files().any(|(own, _)| own == index);
            let in_document = segment.contains("<<")
                && *in_documents.get_or_init(|| instruction.heredocs.iter().any(|one| has_key(&one.text)));
            if !(has_key(segment) || in_document || is_given) {
                continue;
            }
            let Some(path) = self.written_path(index, command, at, moved.is_some_and(|moved| moved < at))
            else {
                continue;
            };
            let Some(mount) = self.of.file_mount(index, &path) else { continue };
            command.remove(at);
            command.documents_gone |= segment.contains("<<") && instruction.heredocs.len() == 1;
            self.miss(index, &path);
            if !written.iter().any(|(known, _)| *known == path) {
                written.push((path, mount));
            }
            let names: Vec<String> = self.variables_at(index).map(|(name, _)| name.clone()).collect();
            self.used.extend(names.into_iter().filter(|name| in_document || shell::names(segment, name)));
            if written.len() == MOST_WRITTEN {
                break;
            }
        }
        for (path, mount) in written {
            self.leave_alone(&path, index, command);
            if !command.is_gone() {
                command.mount(mount);
                self.has_been_read(&path);
            }
        }
    }

    fn has_been_read(&mut self, path: &str) {
        self.files.iter_mut().filter(|file| file.path == path).for_each(|file| file.read = true);
    }

    /// Where a command writes a file that programs look for.
    fn written_path(&self, index: usize, command: &Command<'_>, at: usize, moved: bool) -> Option<String> {
        let segment = command.segment(at);
        let words = shell::plain_words(segment);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let configured = match words.as_slice() {
            ["npm" | "pnpm" | "yarn", "config", "set", ..] => Some(".npmrc"),
            ["git", "config", "--global", ..] => Some(".gitconfig"),
            ["pip" | "pip3", "config", "set" | "--global", ..] => Some("pip.conf"),
            _ => None,
        };
        let home = self.of.home(index);
        if let Some(name) = configured {
            return files::of_path(name)?.in_home(&home?);
        }
        let path = shell::written(segment)?;
        let known = files::of_path(&path)?;
        let found = self.leaks.files().map(|(_, path)| format!("/{}", files::normal(path)));
        let name = files::normal(&path);
        let resolved = self.of.resolve(index, &path).filter(|_| path.starts_with(['/', '~', '$']) || !moved);
        resolved
            .or_else(|| found.into_iter().find(|found| found.ends_with(&format!("/{name}"))))
            .or_else(|| known.in_home(&home?).filter(|_| !path.contains('$')))
    }

    /// Leaves out what would change or remove a mounted file.
    fn leave_alone(&self, path: &str, index: usize, command: &mut Command<'_>) -> bool {
        let mut left_out = false;
        for at in 0..command.segments.len() {
            let words = shell::plain_words(command.segment(at));
            let Some((first, rest)) = words.split_first() else { continue };
            if !KEEPERS.contains(&first.as_str()) || command.segment(at).contains(['|', '>']) {
                continue;
            }
            let options = rest.iter().filter(|word| word.starts_with('-')).count();
            let skipped = options + usize::from(matches!(first.as_str(), "chmod" | "chown"));
            let is_it = |word: &&String| {
                let end = word.rsplit('/').next().unwrap_or(word);
                if end.is_empty() || !path.ends_with(end) {
                    return false;
                }
                let resolved = self.of.resolve(index, word);
                let same_end = path.ends_with(&format!("/{}", files::normal(word)));
                resolved.as_deref() == Some(path)
                    || (same_end
                        && !word.starts_with('/')
                        && resolved.is_none_or(|_| files::of_path(word).is_some()))
            };
            let hits = rest.iter().filter(is_it).count();
            if hits > 0 && hits + skipped == rest.len() {
                command.remove(at);
                left_out = true;
            }
        }
        left_out
    }

    /// `https://user:KEY@host` of git: the address without a user, and the key in `.netrc`, so that no `.git/config`
    /// keeps it.
    fn without_users_in_addresses(&mut self, index: usize, command: &mut Command<'_>) {
        for at in command.staying().collect::<Vec<_>>() {
            let (segment, start) =
                (command.segment(at), command.segments.get(at).map_or(0, |range| range.start));
            if !segment.starts_with("git ") {
                continue;
            }
            let mut cuts = Vec::new();
            for (scheme, _) in segment.match_indices("https://") {
                let from = scheme + "https://".len();
                let host = segment.get(from..).unwrap_or_default();
                let host = host.split(['/', ' ', '"', '\'']).next().unwrap_or_default();
                let Some(user) = host.rfind('@').and_then(|end| host.get(..end)) else { continue };
                let is_key = (self.is_text_of(index) && !self.keys_in(segment).is_empty())
                    || self.variables_at(index).any(|(name, _)| shell::names(user, name));
                if is_key {
                    cuts.push(start + from..start + from + user.len() + 1);
                }
            }
            if cuts.is_empty() {
                continue;
            }
            if let Some(home) = self.of.home(index) {
                let names: Vec<String> = self.variables_at(index).map(|(name, _)| name.clone()).collect();
                self.used.extend(names.into_iter().filter(|name| shell::names(segment, name)));
                command.edits.extend(cuts.into_iter().map(|cut| (cut, String::new())));
                command.mount(Mount::File {
                    id: "netrc".to_owned(),
                    path: format!("{home}/.netrc"),
                    for_all: self.of.user(index).is_some(),
                });
            }
        }
    }

    /// Gives it the files that the image no longer has and that it reads.
    fn read_missing(&mut self, index: usize, instruction: &'a Instruction, command: &mut Command<'_>) {
        for file in self.files.clone() {
            if !self.of.stages.follows(index, file.from) || command.is_gone() {
                continue;
            }
            self.leave_alone(&file.path, index, command);
            let rest = command.rest(instruction);
            let name = file.path.rsplit('/').next().unwrap_or_default();
            let is_read = shell::names_file(&rest, name)
                || files::of_path(&file.path).is_some_and(|known| known.is_read_by(&rest));
            if !command.is_gone()
                && is_read
                && let Some(mount) = self.of.file_mount(index, &file.path)
            {
                command.mount(mount);
                self.has_been_read(&file.path);
            }
        }
        let has_gone = command.gone.iter().any(|gone| *gone);
        if has_gone && !command.is_gone() && command.mounts.is_empty() {
            // What removed the file is left out whether or not it is read here.
            self.change(index);
        }
    }

    /// Puts a variable in the place of the key.
    fn replace_keys(&mut self, index: usize, instruction: &'a Instruction, command: &mut Command<'_>) {
        if !self.is_text_of(index) {
            return;
        }
        let text = command.text;
        let cuts: Vec<Range<usize>> =
            command.cuts().into_iter().chain(command.edits.iter().map(|(range, _)| range.clone())).collect();
        let is_cut =
            |range: &Range<usize>| cuts.iter().any(|cut| cut.start < range.end && range.start < cut.end);
        let keys: Vec<Range<usize>> = self.keys_in(text).into_iter().filter(|range| !is_cut(range)).collect();
        let mut named: Vec<String> = Vec::new();
        if let Some(list) = commands::json(text).filter(|_| !keys.is_empty()) {
            let name = variable_name(self.leaks.variable);
            let words: Vec<String> =
                list.iter().map(|word| commands::shell_word(word, &self.keys_in(word), &name)).collect();
            command.edits.push((0..text.trim_end().len(), words.join(" ")));
            named.push(name);
        } else {
            let starts: Vec<usize> = keys.iter().map(|range| range.start).collect();
            for (range, quoting) in keys.into_iter().zip(shell::quotings(text, &starts)) {
                let (before, behind) =
                    (text.get(..range.start).unwrap_or_default(), text.get(range.end..).unwrap_or_default());
                let name = assigned(before).map_or_else(|| variable_name(self.leaks.variable), str::to_owned);
                let with = shell::reference(&name, quoting, behind);
                command.edits.push((range, with));
                named.push(name);
            }
        }
        named.extend(self.replace_in_documents(index, instruction, command));
        for name in named {
            let id = self.variables.get(&name).map_or_else(|| files::id(&name), |one| one.id.clone());
            command.mount(Mount::Variable { id, name });
        }
    }

    /// The same in its here-documents.
    fn replace_in_documents(
        &mut self,
        index: usize,
        instruction: &'a Instruction,
        command: &Command<'_>,
    ) -> Vec<String> {
        let span = instruction.source.documents.clone();
        let text = self.of.file.text.get(span.clone()).unwrap_or_default();
        if command.documents_gone || text.is_empty() {
            return Vec::new();
        }
        // A document is the script itself, or what a command reads: there nothing is quoted, or nothing expanded.
        let is_script = command.text.trim_start().starts_with("<<");
        let is_literal = ["<<'", "<<\"", "<<-'", "<<-\""].iter().any(|mark| command.text.contains(mark));
        if !is_script && is_literal {
            return Vec::new();
        }
        let mut names = Vec::new();
        for range in self.keys_in(text) {
            let (before, behind) =
                (text.get(..range.start).unwrap_or_default(), text.get(range.end..).unwrap_or_default());
            let name = assigned(before).map_or_else(|| variable_name(self.leaks.variable), str::to_owned);
            let quoting = if is_script { shell::quoting(text, range.start) } else { shell::Quoting::Double };
            let with = shell::reference(&name, quoting, behind);
            let range = span.start + range.start..span.start + range.end;
            self.change(index).edits.push(Edit { range, with });
            names.push(name);
        }
        names
    }

    /// Says of a file that the key is still written to how it does not stay.
    fn say_what_is_written(&mut self, index: usize, instruction: &'a Instruction, command: &Command<'_>) {
        let paths: Vec<String> = self
            .places(index)
            .filter_map(|place| match place {
                Place::File(path) => Some(format!("/{}", files::normal(path))),
                _ => None,
            })
            .collect();
        for path in paths.into_iter().filter(|path| files::is_plain(path)) {
            let is_mounted = command
                .mounts
                .iter()
                .any(|mount| matches!(mount, Mount::File { path: own, .. } if *own == path));
            let by_git = path.ends_with("/.git/config")
                && command.mounts.iter().any(|mount| matches!(mount, Mount::File { .. }));
            if is_mounted || by_git || self.files.iter().any(|file| file.path == path) {
                continue;
            }
            let rest = command.rest(instruction);
            let removed = shell::plain_words(&rest).iter().any(|word| word == "rm")
                && shell::names_file(&rest, path.rsplit('/').next().unwrap_or_default());
            if let Some(mount) = self.of.file_mount(index, &path).filter(|_| !removed) {
                let says = format!(
                    "{path} holds the key: delete it in this same RUN, or mount it instead: RUN {}",
                    mount.text()
                );
                self.change(index).comments.push(says);
            }
        }
    }
}

/// The variable that what follows a text is assigned to.
fn assigned(before: &str) -> Option<&str> {
    let before = before.strip_suffix(['"', '\'']).unwrap_or(before).strip_suffix('=')?;
    let start = before.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
    let name = before.get(start..)?;
    let front = before.get(..start)?.chars().next_back();
    let is_apart = front.is_none_or(|c| c.is_whitespace() || ";&|(\"'".contains(c));
    let is_variable = name.len() >= 3 && is_name(name) && !name.bytes().any(|b| b.is_ascii_lowercase());
    (is_apart && is_variable).then_some(name)
}

/// A name as a variable's.
pub(super) fn variable_name(name: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = name.chars().map(fits).take(64).collect();
    if is_name(&name) { name } else { "TOKEN".to_owned() }
}
