//! `keyseam inventory list`: keys by reach.

use std::io::{self, Write};

use serde::Serialize;

use super::{Opened, VERSION, days, imported, style, write_json};
use crate::cli::args::{ListArguments, ReachFormat};
use crate::cli::output;
use crate::inventory::reach::Reach;
use crate::inventory::workload::Import;
use crate::limits::INVENTORY_LINES;
use crate::report::Style;
use crate::report::text::count;

#[derive(Serialize)]
struct Answer<'a> {
    version: &'static str,
    keys: &'a [Reach],
    imports: &'a [Import],
}

/// Runs the command.
pub(super) fn run(arguments: &ListArguments, stdout: &mut dyn Write) -> anyhow::Result<()> {
    let opened = Opened::new(&arguments.common)?;
    let keys = opened.inventory.as_ref().map(|inventory| inventory.reach()).transpose()?.unwrap_or_default();
    let imports = opened.imports()?;
    match arguments.format {
        ReachFormat::Json => write_json(&Answer { version: VERSION, keys: &keys, imports: &imports }, stdout),
        ReachFormat::Text if opened.inventory.is_none() => {
            Ok(output::to(stdout, |out| writeln!(out, "{}", opened.nothing()))?)
        }
        ReachFormat::Text => {
            let style = style(&arguments.common);
            Ok(output::to(stdout, |out| write(&keys, &imports, &style, out))?)
        }
    }
}

/// That none is known does not say that there is none.
pub(super) fn workloads(number: usize) -> String {
    if number == 0 { "no workload known".to_owned() } else { count(number, "workload") }
}

fn write(keys: &[Reach], imports: &[Import], style: &Style, out: &mut dyn Write) -> io::Result<()> {
    /// Lines of one key.
    const EACH: usize = 3;
    let shown = keys.len().min(INVENTORY_LINES / EACH);
    for reach in keys.iter().take(shown) {
        let key = &reach.key;
        writeln!(out, "{}", super::holders::title(key, style))?;
        let mut facts = vec![
            count(reach.images, "image"),
            count(reach.tags, "tag"),
            super::holders::repositories(reach.repositories),
            workloads(reach.workloads),
            format!("seen {}", days(key.first_seen, key.last_seen)),
        ];
        if reach.suppressed {
            facts.push("suppressed".to_owned());
        }
        writeln!(out, "    {}", facts.join(style.glyph(" · ", ", ")))?;
        writeln!(out, "    {}", style.clean(&key.fingerprint))?;
    }
    if keys.len() > shown {
        writeln!(out, "and {}; --format json lists them all", count(keys.len() - shown, "more key"))?;
    }
    if !keys.is_empty() {
        writeln!(out)?;
    }
    writeln!(out, "{}; {}", count(keys.len(), "key"), style.clean(&imported(imports)))
}
