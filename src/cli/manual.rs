//! The manual page and the completion scripts, made from the arguments' own descriptions.

use std::io;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use super::args;

/// A completion script.
pub(super) fn completions(shell: Shell) -> Vec<u8> {
    // Into memory: the generator panics where a write fails, as on a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "keyseam", &mut script);
    script
}

/// One page for the whole program: a section for each command.
pub(super) fn page() -> io::Result<Vec<u8>> {
    let mut program = args::command();
    program.build();
    let mut page = Vec::new();
    Man::new(program.clone()).render(&mut page)?;
    for command in program.get_subcommands().filter(|command| command.get_name() != "help") {
        section(command, "keyseam", &mut page)?;
    }
    Ok(page)
}

fn section(command: &Command, parent: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let name = format!("{parent} {}", command.get_name());
    let children: Vec<&Command> =
        command.get_subcommands().filter(|command| command.get_name() != "help").collect();
    if children.is_empty() {
        page.extend(format!(".SH \"{}\"\n", name.to_uppercase()).bytes());
        let mut text = Vec::new();
        let man = Man::new(command.clone());
        man.render_synopsis_section(&mut text)?;
        man.render_description_section(&mut text)?;
        man.render_options_section(&mut text)?;
        man.render_extra_section(&mut text)?;
        // They are parts of this section, not sections of the page, whose preamble stands once.
        let text = String::from_utf8_lossy(&text);
        for line in text.lines().filter(|line| !line.starts_with(".ie ") && !line.starts_with(".el ")) {
            page.extend(line.replacen(".SH ", ".SS ", 1).bytes().chain([b'\n']));
        }
    }
    children.into_iter().try_for_each(|child| section(child, &name, page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_covers_every_command_and_option() {
        let page = String::from_utf8(page().expect("rendered")).expect("roff is UTF-8");
        for heading in ["KEYSEAM SCAN", "KEYSEAM DETECTORS TEST", "KEYSEAM FINGERPRINT-KEY INIT"] {
            assert!(page.contains(&format!(".SH \"{heading}\"")), "{heading}");
        }
        assert!(page.contains("fail\\-on") && page.contains("validators"));
        assert!(page.contains("write\\-baseline") && page.contains("KEYSEAM CONFIG SHOW"));
    }

    #[test]
    fn every_shell_gets_a_script() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let script = String::from_utf8(completions(shell)).expect("scripts are UTF-8");
            assert!(script.contains("show-secrets"), "{shell}");
        }
    }
}
